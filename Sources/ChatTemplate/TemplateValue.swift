/// A JSON-like value that a template reads; the keys of objects keep their order.
package enum TemplateValue: Sendable, Equatable {
    case undefined, none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case array([TemplateValue])
    case object(OrderedObject)
}

/// The members of a JSON object in the order of their first appearance, as `tojson` must print them.
package struct OrderedObject: Sendable, Equatable, Sequence, ExpressibleByDictionaryLiteral {
    private var members: [(key: String, value: TemplateValue)] = []
    private var places: [ExactText: Int] = [:]

    package init() {}

    /// A later element replaces an earlier one with the same key.
    package init(dictionaryLiteral elements: (String, TemplateValue)...) {
        for (key, value) in elements { self[key] = value }
    }

    package var keys: [String] { members.map(\.key) }
    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }

    /// The value at `key`. Setting a new key appends it, setting `nil` removes it.
    package subscript(key: String) -> TemplateValue? {
        get { places[ExactText(key)].map { members[$0].value } }
        set {
            let exact = ExactText(key)
            switch (places[exact], newValue) {
            case (let place?, let value?): members[place].value = value
            case (nil, let value?):
                places[exact] = members.count
                members.append((key, value))
            case (let place?, nil):
                members.remove(at: place)
                places[exact] = nil
                for index in place..<members.count { places[ExactText(members[index].key)] = index }
            case (nil, nil): break
            }
        }
    }

    package func makeIterator() -> IndexingIterator<[(key: String, value: TemplateValue)]> {
        members.makeIterator()
    }

    /// Same members in the same order.
    package static func == (left: OrderedObject, right: OrderedObject) -> Bool {
        left.members.count == right.members.count
            && zip(left.members, right.members).allSatisfy {
                ExactText($0.key) == ExactText($1.key) && $0.value == $1.value
            }
    }
}

/// Text compared scalar by scalar as Python compares it.
///
/// Swift's own comparison takes canonically equivalent spellings ("é" in one or two scalars) for equal.
struct ExactText: Hashable, Comparable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: ExactText, right: ExactText) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    /// The order of UTF-8 bytes is the order of code points.
    static func < (left: ExactText, right: ExactText) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
        hasher.combine(0xFF as UInt8)
    }
}
