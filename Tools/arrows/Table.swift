// SPDX-License-Identifier: Apache-2.0

/// Where a target stands in the tree; each kind has rules of its own.
enum Kind: String {
    case module = "Modules"
    case plugin = "Plugins"
    case test = "Tests"
    case tool = "Tools"
}

/// One row: what the target is called, where it lives and what it may import.
struct Target {
    /// As an `import` writes it.
    let name: String
    let kind: Kind
    /// From the root, such as `Modules/Raft`.
    let folder: String
    let mayImport: Set<String>
    /// The benchmarks may import anything.
    var mayImportAnything = false
}

/// The allowed arrows, complete: also for the modules that a later issue brings.
///
/// A change here needs an ADR, and the same change in `docs/ARCHITECTURE.md`.
enum Table {
    /// Short names, without `Martlet`; absent means forbidden.
    private static let modules: [(name: String, uses: [String])] = [
        ("Bytes", []),
        ("JSON", []),
        ("Raft", []),
        ("HTTP", []),
        ("Transport", []),
        ("API", ["JSON"]),
        ("HCL", ["JSON"]),
        ("Gossip", ["Bytes"]),
        ("ACL", ["API", "HCL"]),
        ("State", ["API", "ACL", "Bytes"]),
        ("Autopilot", ["API"]),
        ("Scheduler", ["API"]),
        ("Storage", ["Raft"]),
        ("Client", ["API", "HTTP", "Transport"]),
        ("Node", ["API", "Client", "Transport"]),
        (
            "Server",
            [
                "API", "JSON", "ACL", "Raft", "Gossip", "Autopilot", "Scheduler", "State", "HTTP",
                "Bytes", "Storage", "Transport",
            ]
        ),
        ("CLI", ["API", "JSON", "HCL", "Client", "Transport", "Storage", "Raft", "State"]),
        ("Host", ["Server", "Node", "API", "JSON", "HCL", "Storage", "Transport"]),
    ]

    private static let plugins: [(name: String, uses: [String], system: [String])] = [
        ("UV", ["Transport"], ["CUV", "Glibc"]),
        ("Exec", ["Transport"], ["Glibc"]),
        ("TLS", ["Transport"], ["COpenSSL", "Glibc"]),
        ("Zlib", ["Transport"], ["CZlib", "Glibc"]),
        ("LMDB", ["Storage", "Raft", "Bytes"], ["CLMDB", "Glibc"]),
        ("Memory", ["Storage", "Raft", "Bytes"], []),
        ("Simulation", ["Storage", "Transport", "Raft", "Bytes"], []),
    ]

    /// What tests share.
    private static let shared: [(name: String, uses: [String])] = [
        ("Contracts", ["Storage", "Transport", "Raft"]),
        (
            "Harness",
            [
                "Simulation", "Server", "Client", "Node", "API", "Raft", "State", "Autopilot",
                "Storage", "Transport",
            ]
        ),
        ("Explorer", ["Raft"]),
        ("GossipWorld", ["Gossip"]),
        (
            "Fuzz",
            [
                "Server", "State", "Gossip", "API", "HTTP", "JSON", "HCL", "ACL", "CLI", "Raft",
                "Bytes", "Transport", "TLS", "Zlib",
            ]
        ),
    ]

    private static let tools: [(name: String, uses: [String])] = [
        (
            "martlet",
            [
                "Host", "CLI", "Storage", "Transport", "UV", "Exec", "TLS", "Zlib", "LMDB",
                "Memory",
            ]
        ),
        ("simulate", ["Harness", "Simulation", "Memory"]),
        ("explore", ["Explorer"]),
        ("fuzz", ["Fuzz"]),
        ("counter", ["Raft"]),
        ("pool", ["Gossip", "GossipWorld"]),
        ("schedule", ["Scheduler", "API", "JSON"]),
        ("arrows", []),
    ]

    /// Products of other packages, by the modules they are imported as, and who may use them.
    private static let packages: [(modules: [String], users: [String])] = [
        (
            [
                "BasicContainers", "BitCollections", "Collections", "DequeModule",
                "HashTreeCollections", "HeapModule", "OrderedCollections",
            ],
            ["State", "Scheduler", "Server", "Simulation"]
        ),
        (["Logging", "Metrics", "CoreMetrics"], ["Server", "Host"]),
        (["Tracing"], ["Host"]),
        (["ArgumentParser"], ["CLI"]),
        (["ServiceLifecycle"], ["Host"]),
    ]

    /// Modules whose code runs outside the server's path.
    private static let foundationUsers = ["Host", "CLI"]

    /// What the toolchain brings without C and without ambient state.
    private static let language: Set<String> = ["Swift", "Synchronization", "_Concurrency"]
    private static let outside: Set<String> = ["Foundation", "FoundationEssentials", "Glibc"]

    static let targets: [Target] = {
        var rows: [Target] = []
        var direct: [String: Set<String>] = [:]

        func add(_ name: String, _ kind: Kind, uses: [String], system: Set<String>) {
            let foreign = packages.filter { $0.users.contains(name) }.flatMap(\.modules)
            let allowed = system.union(uses.map { "Martlet\($0)" }).union(foreign).union(language)
            direct[name] = allowed
            let isTool = kind == .tool
            rows.append(
                Target(
                    name: isTool ? name : "Martlet\(name)", kind: kind,
                    folder: "\(kind.rawValue)/\(name)", mayImport: allowed))
        }
        for row in modules {
            let isOutside = foundationUsers.contains(row.name)
            let system: Set<String> = isOutside ? ["Foundation", "FoundationEssentials"] : []
            add(row.name, .module, uses: row.uses, system: system)
        }
        for row in plugins {
            add(row.name, .plugin, uses: row.uses, system: Set(row.system))
        }
        for row in shared {
            add(row.name, .test, uses: row.uses, system: outside.union(["Testing"]))
        }
        for row in tools {
            add(row.name, .tool, uses: row.uses, system: outside)
        }
        rows.append(
            Target(
                name: "bench", kind: .tool, folder: "Tools/bench", mayImport: [],
                mayImportAnything: true))

        let doubles: Set<String> = [
            "MartletContracts", "MartletGossipWorld", "MartletHarness", "MartletMemory",
            "MartletSimulation",
        ]
        func addTests(_ name: String, folder: String, subject: String) {
            // What decorates streams is tried over those that are there, and below whole servers.
            let beside: [String: Set<String>] = ["TLS": ["MartletUV"], "Harness": ["MartletTLS"]]
            let subjects = (direct[subject] ?? []).union(["Martlet\(subject)"])
                .union(beside[subject] ?? [])
            rows.append(
                Target(
                    name: name, kind: .test, folder: folder,
                    mayImport: subjects.union(doubles).union(outside).union(["Testing"])))
        }
        for subject in modules.map(\.name) + plugins.map(\.name) {
            addTests(
                "Martlet\(subject)Tests", folder: "Tests/\(subject)Tests", subject: subject)
        }
        addTests(
            "MartletWholeClusterTests", folder: "Tests/WholeClusterTests", subject: "Harness")
        addTests(
            "MartletExplorerTests", folder: "Tests/ExplorerTests", subject: "Explorer")
        return rows
    }()

    /// The target that owns a file, by its path from the root.
    static func owner(of path: String) -> Target? {
        targets.first { path.hasPrefix($0.folder + "/") }
    }
}
