// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
//
// Martlet's targets, as a table. The arrows are those of docs/ARCHITECTURE.md; `Tools/arrows`
// compares every `import` with them. A new arrow or dependency needs an ADR first.
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .strictMemorySafety(),
]

/// Of code that an optimised build leaves as it is, for to optimise it takes longer than it ever runs: thousands of
/// expectations (what they test is optimised), and what puts words together for people (docs/adr/0061-words-without-the-optimizer.md).
let plainSettings = settings + [.unsafeFlags(["-Onone"], .when(configuration: .release))]

let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

/// A Swift target named `Martlet<name>` that lives in `<folder>/<name>`.
func swift(
    _ name: String, in folder: String, uses: [String], _ others: [Target.Dependency] = [],
    c: [String] = [], exclude: [String] = [], isPlain: Bool = false
) -> Target {
    .target(
        name: "Martlet\(name)",
        dependencies: uses.map { .init(stringLiteral: "Martlet\($0)") }
            + c.map { .init(stringLiteral: $0) } + others,
        path: "\(folder)/\(name)", exclude: exclude,
        swiftSettings: isPlain ? plainSettings : settings)
}

func module(
    _ name: String, uses: [String], _ others: [Target.Dependency] = [], isPlain: Bool = false
) -> Target {
    swift(name, in: "Modules", uses: uses, others, isPlain: isPlain)
}

func plugin(
    _ name: String, uses: [String], c: [String] = [], _ others: [Target.Dependency] = []
) -> Target {
    swift(name, in: "Plugins", uses: uses, others, c: c)
}

/// A C library of the system, found by pkg-config; `apt` is what Debian calls it.
func system(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(
        name: name, path: "Plugins/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func tests(
    _ name: String, uses: [String], _ others: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
    .testTarget(
        name: "Martlet\(name)Tests",
        dependencies: uses.map { .init(stringLiteral: "Martlet\($0)") } + others,
        path: "Tests/\(name)Tests", exclude: exclude, swiftSettings: plainSettings)
}

/// What is shipped, and what is measured, has Swift's libraries inside, and nothing left to bind when it runs:
/// a sixth quicker. As a setting of these programs, so that tests, which need Swift's testing library and with it
/// the libraries outside, share all objects. What uses Foundation leaves it outside.
func tool(_ name: String, uses: [String], usesFoundation: Bool = false) -> Target {
    let inside = LinkerSetting.unsafeFlags(
        ["-static-stdlib", "-Xlinker", "-z", "-Xlinker", "now"], .when(configuration: .release))
    return .executableTarget(
        name: name, dependencies: uses.map { .init(stringLiteral: "Martlet\($0)") },
        path: "Tools/\(name)", swiftSettings: settings,
        linkerSettings: usesFoundation ? [] : [inside])
}

let package = Package(
    name: "martlet",
    products: [
        .library(name: "MartletRaft", targets: ["MartletRaft"]),
        .library(name: "MartletStorage", targets: ["MartletStorage"]),
        .library(name: "MartletTransport", targets: ["MartletTransport"]),
        .library(name: "MartletClient", targets: ["MartletClient"]),
        .library(name: "MartletSimulation", targets: ["MartletSimulation"]),
        .library(name: "MartletContracts", targets: ["MartletContracts"]),
        .executable(name: "martlet", targets: ["martlet"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.3.0"),
    ],
    targets: [
        // Modules: Swift only, no C, no ambient time, randomness or environment.
        module("Bytes", uses: []),
        module("JSON", uses: []),
        module("HCL", uses: ["JSON"]),
        module("API", uses: ["JSON"]),
        module("Gossip", uses: ["Bytes"]),
        module("Raft", uses: []),
        module("Autopilot", uses: ["API"]),
        module("Scheduler", uses: ["API"]),
        module("ACL", uses: ["API", "HCL"]),
        module("State", uses: ["API", "ACL", "Bytes"]),
        module("HTTP", uses: []),
        module("Storage", uses: ["Raft"]),
        module("Transport", uses: []),
        module("Client", uses: ["API", "HTTP", "Transport"]),
        module("Node", uses: ["API", "Client", "Transport"]),
        module(
            "Server",
            uses: [
                "API", "JSON", "ACL", "Raft", "Gossip", "Autopilot", "Scheduler", "State", "HTTP",
                "Bytes", "Storage", "Transport",
            ], [logging]),
        module(
            "CLI",
            uses: [
                "API", "JSON", "HCL", "Client", "Transport", "Storage", "Raft", "State",
            ], isPlain: true),
        module(
            "Host", uses: ["Server", "Node", "API", "JSON", "HCL", "Storage", "Transport"],
            [logging, tracing], isPlain: true),

        // Plugins: the only place with C.
        system("CUV", pkgConfig: "libuv", apt: "libuv1-dev"),
        system("CLMDB", pkgConfig: "lmdb", apt: "liblmdb-dev"),
        system("COpenSSL", pkgConfig: "openssl", apt: "libssl-dev"),
        system("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        plugin("UV", uses: ["Transport"], c: ["CUV"]),
        plugin("Exec", uses: ["Transport"]),
        plugin("TLS", uses: ["Transport"], c: ["COpenSSL"]),
        plugin("Zlib", uses: ["Transport"], c: ["CZlib"]),
        plugin("LMDB", uses: ["Storage", "Raft", "Bytes"], c: ["CLMDB"]),
        plugin("Memory", uses: ["Storage", "Raft", "Bytes"]),
        plugin("Simulation", uses: ["Storage", "Transport", "Raft", "Bytes"]),

        // What tests share; Contracts is a product for authors of plugins.
        swift("Contracts", in: "Tests", uses: ["Storage", "Transport", "Raft"]),
        swift(
            "Harness", in: "Tests",
            uses: [
                "Simulation", "Server", "Client", "Node", "API", "Raft", "State", "Autopilot",
                "Storage", "Transport",
            ]),

        // Everything that can happen to three cores within small bounds.
        swift("Explorer", in: "Tests", uses: ["Raft"]),

        // Gossip cores and a network between them.
        swift("GossipWorld", in: "Tests", uses: ["Gossip"]),

        // Every parser of bytes from outside, and what must hold of each.
        swift(
            "Fuzz", in: "Tests",
            uses: [
                "Server", "State", "Gossip", "API", "HTTP", "JSON", "HCL", "ACL", "CLI", "Raft",
                "Bytes", "Transport", "TLS", "Zlib",
            ], exclude: ["Corpus", "seeds.py"], isPlain: true),

        tests("Bytes", uses: ["Bytes"]),
        tests("Gossip", uses: ["Gossip", "GossipWorld", "Bytes"]),
        tests("JSON", uses: ["JSON"]),
        tests("HCL", uses: ["HCL"]),
        tests("API", uses: ["API", "JSON"]),
        tests("Raft", uses: ["Raft", "Contracts"], exclude: ["Scenarios"]),
        tests("Explorer", uses: ["Explorer"]),
        tests("Scheduler", uses: ["Scheduler", "API"]),
        tests("Autopilot", uses: ["Autopilot", "API", "Simulation"]),
        tests("ACL", uses: ["ACL", "API", "HCL"]),
        tests("State", uses: ["State", "API", "ACL", "Bytes"]),
        tests("HTTP", uses: ["HTTP"]),
        tests("Storage", uses: ["Storage", "Raft", "Contracts", "Memory"]),
        tests("Transport", uses: ["Transport"]),
        tests(
            "Server",
            uses: [
                "Server", "API", "ACL", "HTTP", "JSON", "Raft", "Gossip", "Bytes", "State",
                "Storage", "Transport", "Harness", "Simulation", "Scheduler",
            ], [logging]),
        tests("Client", uses: ["Client", "API", "HTTP", "Transport"]),
        tests("Node", uses: ["Node", "API", "Simulation", "Transport"]),
        tests(
            "Host",
            uses: ["Host", "API", "HCL", "JSON", "Server", "Storage", "Transport", "Simulation"],
            [logging], exclude: ["NomadFiles"]),
        tests(
            "CLI",
            uses: [
                "CLI", "API", "JSON", "HCL", "Client", "Transport", "Storage", "Raft", "State",
                "Memory", "Simulation", "Harness",
            ]),
        tests("UV", uses: ["UV", "Transport", "Contracts"]),
        tests("Exec", uses: ["Exec", "Transport"]),
        tests(
            "TLS", uses: ["TLS", "Transport", "Contracts", "Simulation", "UV"], ["COpenSSL"]),
        tests("Zlib", uses: ["Zlib", "Transport", "Contracts"]),
        tests("LMDB", uses: ["LMDB", "Bytes", "Storage", "Raft", "Contracts"]),
        tests("Memory", uses: ["Memory", "Storage", "Raft", "Contracts"]),
        tests("Simulation", uses: ["Simulation", "Storage", "Transport", "Raft", "Contracts"]),
        // "Whole", for SwiftPM compiles what is ready by name, last first, and this takes longest.
        tests(
            "WholeCluster",
            uses: [
                "Harness", "Simulation", "Memory", "Server", "Client", "API", "Raft", "State",
                "Transport", "TLS",
            ]),

        tool(
            "martlet",
            uses: [
                "Host", "CLI", "Storage", "Transport", "UV", "Exec", "TLS", "Zlib", "LMDB",
                "Memory",
            ]),
        tool("arrows", uses: [], usesFoundation: true),
        tool("simulate", uses: ["Harness", "Simulation"]),
        tool("bench", uses: ["Raft", "ACL", "API", "State", "TLS"]),
        tool("explore", uses: ["Explorer"]),
        tool("fuzz", uses: ["Fuzz"], usesFoundation: true),
        tool("counter", uses: ["Raft"]),
        tool("pool", uses: ["Gossip", "GossipWorld"]),
        tool("schedule", uses: ["Scheduler", "API", "JSON"]),
    ]
)
