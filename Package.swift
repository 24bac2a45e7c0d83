// swift-tools-version: 6.2
import PackageDescription

let house: [SwiftSetting] = [
    .strictMemorySafety(), .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
let tests = Array(house.dropFirst())

// Kernels are optimised in debug builds too: without that a test of a real model takes an hour.
let kernels: [CSetting] = [
    .treatAllWarnings(as: .error), .enableWarning("all"), .enableWarning("extra"), .unsafeFlags(["-O3"]),
]
let shims: [CSetting] = [.treatAllWarnings(as: .error), .enableWarning("all"), .enableWarning("extra")]

let package = Package(
    name: "chessd",
    products: [
        // One program under two names: most of either is the Swift runtime that both carry.
        .executable(name: "chessd", targets: ["programs"]),
        .executable(name: "chessctl", targets: ["programs"]),
    ],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .target(name: "CHost", cSettings: shims),
        .target(name: "CKernels", cSettings: kernels),
        .target(name: "Tensors", swiftSettings: house),
        .target(name: "Machine", dependencies: ["CHost"], swiftSettings: house),
        .target(name: "GGUF", dependencies: ["Tensors", "Machine"], swiftSettings: house),
        .target(name: "Tokenizer", swiftSettings: house),
        .target(name: "ChatTemplate", swiftSettings: house),
        .target(name: "Grammar", swiftSettings: house),
        .target(
            name: "WeightStore", dependencies: ["Tensors", "Machine", "Tokenizer", "CHost", "CZstd"],
            swiftSettings: house),
        .target(name: "Kernels", dependencies: ["CKernels", "Tensors", "Machine"], swiftSettings: house),
        .target(
            name: "Decoder", dependencies: ["WeightStore", "Kernels", "Tensors", "Machine"],
            swiftSettings: house),
        .target(
            name: "Generation",
            dependencies: [
                "Decoder", "WeightStore", "Kernels", "Tokenizer", "ChatTemplate", "Grammar", "Machine",
            ], swiftSettings: house),
        .target(
            name: "Importing", dependencies: ["GGUF", "WeightStore", "Tensors", "Machine", "Tokenizer"],
            swiftSettings: house),
        .target(
            name: "Calibration",
            dependencies: ["WeightStore", "Decoder", "Kernels", "Tokenizer", "Machine"],
            swiftSettings: house),
        .target(name: "WireAPI", dependencies: ["Grammar"], swiftSettings: house),
        .target(
            name: "Server",
            dependencies: [
                "Generation", "Tokenizer", "ChatTemplate", "Machine", "WireAPI", "CSystemd",
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOExtras", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], swiftSettings: house),
        .target(
            name: "chessd",
            dependencies: [
                "Server", "Generation", "Decoder", "WeightStore", "Kernels", "Tokenizer", "ChatTemplate",
                "Machine", "WireAPI",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ], swiftSettings: house),
        .target(
            name: "chessctl",
            dependencies: [
                "WireAPI", "Importing", "GGUF", "WeightStore", "Tokenizer", "ChatTemplate", "Decoder",
                "Kernels", "Machine", "Calibration",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ], swiftSettings: house),
        .executableTarget(name: "programs", dependencies: ["chessd", "chessctl"], swiftSettings: house),
        .target(name: "Support", dependencies: ["Tensors"], path: "Tests/Support", swiftSettings: tests),
        .testTarget(name: "TensorsTests", dependencies: ["Tensors"], swiftSettings: tests),
        .testTarget(name: "MachineTests", dependencies: ["Machine", "Support"], swiftSettings: tests),
        .testTarget(
            name: "GGUFTests", dependencies: ["GGUF", "Machine", "Tensors", "Support"], swiftSettings: tests),
        .testTarget(name: "TokenizerTests", dependencies: ["Tokenizer"], swiftSettings: tests),
        .testTarget(name: "ChatTemplateTests", dependencies: ["ChatTemplate"], swiftSettings: tests),
        .testTarget(
            name: "WeightStoreTests",
            dependencies: ["WeightStore", "Machine", "Tensors", "Tokenizer", "Support"],
            swiftSettings: tests),
        .testTarget(
            name: "ImportingTests",
            dependencies: [
                "Importing", "GGUF", "WeightStore", "Machine", "Tensors", "Tokenizer", "Support",
            ], swiftSettings: tests),
        .testTarget(
            name: "DecoderTests",
            dependencies: [
                "Decoder", "Importing", "GGUF", "WeightStore", "Kernels", "Machine", "Tensors", "Tokenizer",
                "Support",
            ], swiftSettings: tests),
        .testTarget(
            name: "CalibrationTests",
            dependencies: [
                "Calibration", "Decoder", "Importing", "WeightStore", "Kernels", "Machine", "Tensors",
                "Tokenizer", "Support",
            ], swiftSettings: tests),
        .testTarget(
            name: "GenerationTests",
            dependencies: [
                "Generation", "Decoder", "Grammar", "Importing", "WeightStore", "Kernels", "Machine",
                "Tensors",
                "Tokenizer", "Support",
            ], swiftSettings: tests),
        .testTarget(name: "GrammarTests", dependencies: ["Grammar"], swiftSettings: tests),
        .testTarget(name: "WireAPITests", dependencies: ["WireAPI", "Grammar"], swiftSettings: tests),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "Server", "Machine", "WireAPI", "Generation", "Tokenizer", "ChatTemplate", "chessd",
                "chessctl",
                "Importing", "Support", "Tensors", "WeightStore",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], swiftSettings: tests),
        .testTarget(
            name: "ChessctlTests",
            dependencies: [
                "chessctl", "Decoder", "GGUF", "Importing", "Machine", "Tensors", "WeightStore", "WireAPI",
                "Support",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: tests),
        .testTarget(
            name: "ReferenceTests",
            dependencies: [
                "Decoder", "Generation", "Importing", "WeightStore", "Kernels", "Machine", "Tokenizer",
                "ChatTemplate", "Support",
            ], resources: [.copy("Golden")], swiftSettings: tests),
    ]
)
