// SPDX-License-Identifier: Apache-2.0

struct Finding: Equatable, CustomStringConvertible {
    let path: String
    let line: Int
    let what: String
    let why: String

    var description: String { "\(path):\(line): \(what): \(why)" }
}

/// What one file breaks. A pure function of its path and text.
func findings(in path: String, text: String) -> [Finding] {
    var check = Check(path: path, source: Source(text))
    check.licence()
    guard let target = Table.owner(of: path) else {
        check.add(1, "unknown folder", "no target of the table in Tools/arrows owns this file")
        return check.found
    }
    check.imports(of: target)
    check.words(of: target)
    return check.found
}

private struct Check {
    let path: String
    let source: Source
    var found: [Finding] = []

    mutating func add(_ line: Int, _ what: String, _ why: String) {
        found.append(Finding(path: path, line: line, what: what, why: why))
    }

    mutating func licence() {
        if source.lines.first != "// SPDX-License-Identifier: Apache-2.0" {
            add(1, "no licence line", "every file starts with its SPDX line")
        }
    }

    mutating func imports(of target: Target) {
        guard !target.mayImportAnything else { return }
        for (index, line) in source.code.enumerated() {
            for name in importedModules(in: line) where name != target.name {
                guard !target.mayImport.contains(name) else { continue }
                let why =
                    Table.targets.contains { $0.name == name }
                    ? "the table has no arrow from \(target.name) to it; a new one needs an ADR"
                    : "\(target.name) may not depend on it; a new dependency needs an ADR"
                add(index + 1, "import \(name)", why)
            }
        }
    }

    mutating func words(of target: Target) {
        let isHost = target.name == "MartletHost"
        for (index, code) in source.code.enumerated() {
            let line = index + 1
            if target.kind == .module {
                for word in Self.ambient where contains(word.text, in: code) {
                    add(line, word.text, word.why)
                }
                if !isHost, startsTask(in: code) {
                    add(line, "Task", "only Host starts tasks: work comes back as an input")
                }
                if drawsAmbiently(at: index) {
                    add(line, "random", "randomness comes from a generator that is passed in")
                }
            }
            if target.kind == .module || target.kind == .plugin {
                for form in ["try?", "try!"] where contains(form, in: code) {
                    add(line, form, "an error is answered, not dropped")
                }
            }
            for word in ["@unchecked Sendable", "nonisolated(unsafe)"]
            where contains(word, in: code) {
                if target.kind == .module {
                    add(line, word, "only plugins promise what the compiler cannot check")
                } else if !isBelowSafetyLine(index) {
                    add(line, word, "the lines just above must say `// SAFETY:` and name its guard")
                }
            }
        }
    }

    private static let ambient: [(text: String, why: String)] = [
        ("Date(", "time is passed in"),
        ("Date.now", "time is passed in"),
        ("ContinuousClock", "time is passed in"),
        ("SuspendingClock", "time is passed in"),
        ("Task.sleep", "waiting is a timer of the loop"),
        ("SystemRandomNumberGenerator", "randomness comes from a generator that is passed in"),
        ("print(", "log through the logger, or return the text"),
        ("debugPrint(", "log through the logger, or return the text"),
        ("getenv", "the environment is read by the executable and passed in"),
        ("ProcessInfo", "the environment is read by the executable and passed in"),
    ]

    /// `text` as whole words: `SomeDate(` and `.print(` are others.
    private func contains(_ text: String, in code: [UInt8]) -> Bool {
        occurrences(of: text, in: code).contains { start in
            let before = start > 0 ? code[start - 1] : UInt8(ascii: " ")
            let end = start + text.utf8.count
            let isCut = text.utf8.last.map(isWord) == true && end < code.count && isWord(code[end])
            let isMember = before == UInt8(ascii: ".") && text.hasSuffix("(")
            let isDeclared = text.hasSuffix("(") && declares(before: start, in: code)
            return !isWord(before) && !isCut && !isMember && !isDeclared
        }
    }

    private func declares(before start: Int, in code: [UInt8]) -> Bool {
        code[..<start].suffix(5).elementsEqual("func ".utf8)
    }

    private func startsTask(in code: [UInt8]) -> Bool {
        occurrences(of: "Task", in: code).contains { start in
            guard start == 0 || !isWord(code[start - 1]) else { return false }
            let rest = code[(start + 4)...]
            if [".detached", ".immediate"].contains(where: { rest.starts(with: $0.utf8) }) {
                return true
            }
            let next = rest.first { $0 != UInt8(ascii: " ") }
            return next == UInt8(ascii: "{") || rest.first == UInt8(ascii: "(")
        }
    }

    /// `.random(…)` and its relatives without `using:` among their own arguments.
    private func drawsAmbiently(at index: Int) -> Bool {
        let names = [".random(", ".randomElement(", ".shuffle(", ".shuffled("]
        return names.contains { name in
            occurrences(of: name, in: source.code[index]).contains { start in
                !arguments(from: index, start + name.utf8.count).contains("using:")
            }
        }
    }

    /// The text up to the closing parenthesis, over at most ten lines.
    private func arguments(from index: Int, _ column: Int) -> String {
        var depth = 1
        var text: [UInt8] = []
        for (offset, line) in source.code[index...].prefix(10).enumerated() {
            for byte in offset == 0 ? line[column...] : line[...] {
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") { depth -= 1 }
                if depth == 0 { return String(decoding: text, as: UTF8.self) }
                if depth == 1 { text.append(byte) }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Whether the comment lines that end just above this one have a `// SAFETY:` among them.
    private func isBelowSafetyLine(_ index: Int) -> Bool {
        for line in source.lines[..<index].reversed() {
            let text = line.drop { $0 == " " }
            guard text.hasPrefix("//") else { return false }
            if text.hasPrefix("// SAFETY:") { return true }
        }
        return false
    }
}

/// The modules that a line of code imports: attributes, access and kinds are skipped.
func importedModules(in code: [UInt8]) -> [String] {
    let kinds: Set<Substring> = [
        "class", "enum", "func", "let", "protocol", "struct", "typealias", "var",
    ]
    let access: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
    return String(decoding: code, as: UTF8.self).split(separator: ";").compactMap { statement in
        var words = statement.split { $0 == " " || $0 == "\t" || $0 == "\r" }[...]
        while let word = words.first, word.hasPrefix("@") || access.contains(word) {
            words.removeFirst()
        }
        guard words.first == "import" else { return nil }
        words.removeFirst()
        if let kind = words.first, kinds.contains(kind) { words.removeFirst() }
        return words.first?.split(separator: ".").first.map(String.init)
    }
}

/// By plain loops: a debug build goes through generic ones twenty times as slowly.
private func occurrences(of text: String, in code: [UInt8]) -> [Int] {
    let wanted = Array(text.utf8)
    guard let first = wanted.first else { return [] }
    var found: [Int] = []
    var start = 0
    while start <= code.count - wanted.count {
        if code[start] == first {
            var length = 1
            while length < wanted.count, code[start + length] == wanted[length] { length += 1 }
            if length == wanted.count { found.append(start) }
        }
        start += 1
    }
    return found
}

private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
        true
    default: false
    }
}
