/// How text is cut into words before merging: some steps, each of which cuts the pieces of the one
/// before, named as in `tokenizer.ggml.pre`.
///
/// The rules are published as regular expressions; they are scanned by hand here because a regex engine
/// backtracks and is not linear in the text. Source: the `tokenizer.json` of each model, and llama.cpp's
/// `llama-vocab.cpp` for the names that share a rule.
struct PreTokenizer: Sendable, Equatable {
    enum Step: Sendable, Equatable {
        case gpt2(GPT2Words)
        case modern(ModernWords)
        case cased(CasedWords)
        case isolate(Runs)
    }
    var steps: [Step]
    /// A word that is a token as a whole is not built by merges (`ignore_merges`).
    var takesWholeWords = false
    /// Whether text starts with the token `bos` unless the model says otherwise.
    var addsBOS = false
    /// Whether a model that names no `bos` has the default one.
    var impliesBOS = true

    /// Where the words of `text` end, in scalars; the last end is its count.
    func wordEnds(_ text: ScalarText) -> [Int] {
        guard text.count > 0 else { return [] }
        var ends = [text.count]
        for step in steps {
            var cut: [Int] = []
            cut.reserveCapacity(max(ends.count, text.count / 4))
            var start = 0
            for end in ends {
                Self.cut(text, start..<end, by: step, into: &cut)
                start = end
            }
            ends = cut
        }
        return ends
    }

    private static func cut(_ text: ScalarText, _ range: Range<Int>, by step: Step, into ends: inout [Int]) {
        switch step {
        case .gpt2(let words): words.cut(text, range, into: &ends)
        case .modern(let words): words.cut(text, range, into: &ends)
        case .cased(let words): words.cut(text, range, into: &ends)
        case .isolate(let runs): runs.cut(text, range, into: &ends)
        }
    }

    /// The rule of that name, nil when this build does not know it.
    init?(named name: String) {
        guard let rule = Self.rules.first(where: { $0.names.contains(name) })?.rule else { return nil }
        self = rule
    }

    init(_ steps: [Step], takesWholeWords: Bool = false, addsBOS: Bool = false, impliesBOS: Bool = true) {
        self.steps = steps
        self.takesWholeWords = takesWholeWords
        self.addsBOS = addsBOS
        self.impliesBOS = impliesBOS
    }

    /// Every name that can be used, in alphabetical order.
    static let names = rules.flatMap(\.names).filter { !$0.isEmpty }.sorted()

    private static let digit = Step.isolate(Runs(of: .number, length: 1...1))
    private static let asciiDigitTriple = Step.isolate(Runs(of: [], or: [0x30...0x39], length: 3...3))

    private static let rules: [(names: [String], rule: PreTokenizer)] = [
        (
            [
                "gpt-2", "a.x-4.0", "exaone4", "gigachat", "granite-docling", "jais", "jina-de", "jina-es",
                "jina-v2-de", "jina-v2-es", "mellum", "modern-bert", "mpt", "olmo", "phi-2", "trillion",
            ], PreTokenizer([.gpt2(GPT2Words())])
        ),
        (
            [
                "smollm", "codeshell", "command-r", "exaone", "mellum2", "minerva-7b", "refact", "starcoder",
            ], PreTokenizer([digit, .gpt2(GPT2Words())])
        ),
        (
            ["default", ""],
            PreTokenizer([
                .isolate(Runs(of: .punctuation, or: "$+<=>^~|")), .gpt2(GPT2Words()),
                .isolate(Runs(of: .number)), asciiDigitTriple,
            ])
        ),
        (
            ["falcon"],
            PreTokenizer([
                .isolate(Runs(of: .punctuation, or: "$+<=>^~|`")), .gpt2(GPT2Words()), asciiDigitTriple,
            ])
        ),
        (
            [
                "llama-bpe", "llama3", "llama-v3", "falcon-h1", "falcon3", "jina-v5-nano", "lfm2", "midm-2.0",
                "pixtral",
            ], PreTokenizer([.modern(ModernWords(digits: 3))], takesWholeWords: true, addsBOS: true)
        ),
        (["dbrx", "smaug-bpe"], PreTokenizer([.modern(ModernWords(digits: 3))])),
        (["chatglm-bpe"], PreTokenizer([.modern(ModernWords(digits: 3))], impliesBOS: false)),
        (
            ["glm4", "glm5"],
            PreTokenizer([.modern(ModernWords(digits: 3))], takesWholeWords: true, impliesBOS: false)
        ),
        (
            [
                "qwen2", "bailingmoe", "bailingmoe2", "deepseek-r1-qwen", "f2llmv2", "grok-2", "hunyuan",
                "kormo", "llada-moe", "megrez", "solar-open", "stablelm2",
            ], PreTokenizer([.modern(ModernWords(digits: 1))])
        ),
        (["qwen35"], PreTokenizer([.modern(ModernWords(digits: 1, lettersHaveMarks: true))])),
        (["ufakzeka"], PreTokenizer([.modern(ModernWords(digits: 1, contractions: false))])),
        (["seed-coder"], PreTokenizer([.modern(ModernWords(digits: 1, symbolsTakeNewlines: false))])),
        (
            ["minicpm5"],
            PreTokenizer(
                [.isolate(Runs(of: .number, length: 1...3)), .modern(ModernWords(digits: 3))],
                takesWholeWords: true)
        ),
        (
            ["tekken"],
            PreTokenizer(
                [.cased(CasedWords(digits: 1, contractions: false))], takesWholeWords: true, addsBOS: true)
        ),
        (
            ["gpt-4o", "kanana2", "llama4", "minimax-m2", "talkie"],
            PreTokenizer([.cased(CasedWords(digits: 3, contractions: true))])
        ),
        (
            ["deepseek-coder"],
            PreTokenizer([
                .isolate(Runs(of: [], or: [0x0A...0x0A, 0x0D...0x0D], length: 1...1)),
                .isolate(Runs(of: .letter, afterSpace: true)),
                .isolate(Runs(of: .punctuation, afterSpace: true)),
                .isolate(Runs(of: [], or: [0x0800...0x9FA5, 0xAC00...0xD7FF])), digit,
            ])
        ),
    ]
}
