// SPDX-License-Identifier: Apache-2.0

/// Text in, what is found out: the checker's own tests, run by `arrows --self-test`.
enum SelfTest {
    private static let licence = "// SPDX-License-Identifier: Apache-2.0\n"

    private static let cases: [(path: String, body: String, found: [String])] = [
        // Arrows.
        ("Modules/Raft/A.swift", "import MartletJSON", ["import MartletJSON"]),
        ("Modules/API/A.swift", "package import MartletJSON", []),
        ("Modules/Raft/A.swift", "import Foundation", ["import Foundation"]),
        ("Modules/Raft/A.swift", "import struct Foundation.Date", ["import Foundation"]),
        ("Modules/Raft/A.swift", "@preconcurrency internal import Glibc", ["import Glibc"]),
        ("Modules/Raft/A.swift", "let a = 1; import Glibc", ["import Glibc"]),
        ("Modules/Host/A.swift", "import Foundation", []),
        ("Modules/Host/A.swift", "import Logging", []),
        ("Modules/Raft/A.swift", "import Logging", ["import Logging"]),
        ("Modules/Scheduler/A.swift", "import MartletRaft", ["import MartletRaft"]),
        ("Plugins/UV/A.swift", "internal import CUV", []),
        ("Plugins/UV/A.swift", "internal import CLMDB", ["import CLMDB"]),
        ("Plugins/Memory/A.swift", "import Glibc", ["import Glibc"]),
        ("Tests/LMDBTests/A.swift", "@testable import MartletLMDB\nimport MartletContracts", []),
        ("Tests/RaftTests/A.swift", "import MartletServer", ["import MartletServer"]),
        ("Tests/WholeClusterTests/A.swift", "import MartletHarness\nimport MartletServer", []),
        ("Tools/martlet/main.swift", "import MartletHost\nimport MartletLMDB", []),
        ("Tools/martlet/main.swift", "import MartletServer", ["import MartletServer"]),
        ("Tools/bench/main.swift", "import MartletServer", []),
        ("Modules/Nowhere/A.swift", "let a = 1", ["unknown folder"]),
        // Words that count.
        ("Modules/Raft/A.swift", "let a = Date()", ["Date("]),
        ("Modules/Raft/A.swift", "let a = ContinuousClock.now", ["ContinuousClock"]),
        ("Modules/Raft/A.swift", "await Task.sleep(for: a)", ["Task.sleep"]),
        ("Modules/Raft/A.swift", "print(1)", ["print("]),
        ("Modules/Raft/A.swift", "Task { a() }", ["Task"]),
        ("Modules/Raft/A.swift", "Task.detached { a() }", ["Task"]),
        ("Modules/Raft/A.swift", "Task(priority: .high) { a() }", ["Task"]),
        ("Modules/Host/A.swift", "Task { a() }", []),
        ("Modules/Raft/A.swift", "Int.random(in: 0..<9)", ["random"]),
        ("Modules/Raft/A.swift", "Int.random(in: f(using: 1))", ["random"]),
        ("Modules/Raft/A.swift", "Int.random(in: 0..<9, using: &g)", []),
        ("Modules/Raft/A.swift", "Int.random(\n  in: 0..<9,\n  using: &g)", []),
        ("Modules/Raft/A.swift", "let a = b.shuffled()", ["random"]),
        ("Modules/Raft/A.swift", "let a = try? f()", ["try?"]),
        ("Plugins/UV/A.swift", "let a = try! f()", ["try!"]),
        ("Tests/RaftTests/A.swift", "let a = try? f()", []),
        // Words that do not.
        ("Modules/Raft/A.swift", "let a = UpDate(); b.print(1); func print(_ a: Int) {}", []),
        ("Modules/Raft/A.swift", "MyTask { a() }; Task.isCancelled", []),
        ("Modules/Raft/A.swift", "// print(1) try? Date()", []),
        ("Modules/Raft/A.swift", "/* a /* print(1) */ Date() */ let a = 1", []),
        ("Modules/Raft/A.swift", "let a = \"print(1) // \\\" Date()\"", []),
        ("Modules/Raft/A.swift", "let a = #\"print(1) \\(Date()) \" try?\"#", []),
        ("Modules/Raft/A.swift", "let a = \"\"\"\n  import Glibc\n  \"print(1)\"\n  \"\"\"", []),
        // Code inside strings does, and code after them.
        ("Modules/Raft/A.swift", "let a = \"x \\(f(Date())) print(1)\"", ["Date("]),
        ("Modules/Raft/A.swift", "let a = \"x\"; print(a)", ["print("]),
        ("Modules/Raft/A.swift", "let a = #\"\\#(Date())\"#; try? b()", ["Date(", "try?"]),
        // Promises to the compiler.
        (
            "Modules/Raft/A.swift", "// SAFETY: no.\nclass A: @unchecked Sendable {}",
            [
                "@unchecked Sendable"
            ]
        ),
        ("Plugins/UV/A.swift", "class A: @unchecked Sendable {}", ["@unchecked Sendable"]),
        (
            "Plugins/UV/A.swift",
            "// SAFETY: on the loop\n// only.\nclass A: @unchecked Sendable {}", []
        ),
        (
            "Plugins/UV/A.swift", "// SAFETY: far.\n\nnonisolated(unsafe) var a = 1",
            [
                "nonisolated(unsafe)"
            ]
        ),
    ]

    /// The cases that went wrong, as text; empty when all hold.
    static func failures() -> [String] {
        var failures: [String] = []
        for (path, body, expected) in cases {
            let found = findings(in: path, text: licence + body + "\n").map(\.what)
            if found != expected {
                failures.append("\(path): \(body): expected \(expected), found \(found)")
            }
        }
        let bare = findings(in: "Modules/Raft/A.swift", text: "let a = 1\n").map(\.what)
        if bare != ["no licence line"] { failures.append("a file without licence: \(bare)") }
        let placed = findings(in: "Modules/Raft/A.swift", text: licence + "\nprint(1)\n").first
        if placed?.line != 3 { failures.append("line of a finding: \(String(describing: placed))") }
        return failures
    }

    static var count: Int { cases.count + 2 }
}
