import ChatTemplate

/// The variables most tests render with.
enum Sample {
    static let variables: [String: TemplateValue] = [
        "x": .int(5), "y": .int(-7), "z": .int(0), "fl": .double(2.5), "s": .string("Hello World"),
        "n": .none,
        "t": .bool(true), "l": .array([.int(3), .int(1), .int(2)]), "le": .array([]),
        "d": .object(["b": .int(1), "a": .int(2), "items": .int(3)]),
        "ms": .array([
            .object(["role": .string("user"), "content": .string("A"), "n": .int(2)]),
            .object([
                "role": .string("assistant"), "content": .string("b"), "n": .int(1),
                "x": .object(["y": .array([.int(1), .int(2)])]),
            ]),
            .object(["role": .string("user"), "content": .string("C"), "n": .int(3)]),
        ]),
        "nest": .object([
            "a": .array([
                .int(1),
                .object(["b": .none, "c": .array([.bool(true), .double(1), .string("x")])]),
            ])
        ]),
        "strs": .array([.string("b"), .string("A"), .string("c"), .string("B")]),
        "html": .string("<a href=\"x\">&'"),
    ]

    static func render(_ source: String, limits: RenderLimits = .standard) throws(TemplateError) -> String {
        try ChatTemplate(source: source).render(variables, limits: limits)
    }

    static func message(_ role: String, _ content: String) -> TemplateValue {
        .object(["role": .string(role), "content": .string(content)])
    }
}
