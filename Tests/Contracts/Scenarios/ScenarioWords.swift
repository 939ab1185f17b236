// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// The words of one line, taken from left to right; `name=value` pairs stand anywhere.
struct ScenarioWords {
    let verb: ScenarioVerb
    private var words: [String] = []
    private var options: [(name: String, value: String)] = []

    init(_ command: Scenario.Command, text: String) {
        verb = command.verb
        let all = text.split(separator: " ").dropFirst().map(String.init)
        for word in all {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if verb != .expect, verb != .await, parts.count == 2, !parts[0].isEmpty {
                options.append((String(parts[0]), String(parts[1])))
            } else {
                words.append(word)
            }
        }
    }

    func wrong(_ message: String) -> ScenarioProblem {
        ScenarioProblem("\(message); right is: \(verb.usage)")
    }

    var isEmpty: Bool { words.isEmpty }
    var next: String? { words.first }

    mutating func word(_ what: String) throws(ScenarioProblem) -> String {
        guard !words.isEmpty else { throw wrong("\(what) is missing") }
        return words.removeFirst()
    }

    mutating func rest() -> [String] {
        defer { words = [] }
        return words
    }

    mutating func server() throws(ScenarioProblem) -> ServerID {
        try id(try word("a server"))
    }

    /// One or more.
    mutating func servers() throws(ScenarioProblem) -> [ServerID] {
        var ids = [try server()]
        while !isEmpty { ids.append(try server()) }
        return ids
    }

    func id(_ name: some StringProtocol) throws(ScenarioProblem) -> ServerID {
        guard let id = ServerID(scenarioName: name) else {
            throw wrong("a server is one letter from A to Z, not \"\(name)\"")
        }
        return id
    }

    mutating func option(_ name: String) -> String? {
        guard let position = options.firstIndex(where: { $0.name == name }) else { return nil }
        return options.remove(at: position).value
    }

    mutating func number(_ name: String) throws(ScenarioProblem) -> UInt64? {
        guard let text = option(name) else { return nil }
        guard let number = UInt64(text) else { throw wrong("\(name)=\(text) is no number") }
        return number
    }

    mutating func count(_ name: String) throws(ScenarioProblem) -> Int? {
        guard let number = try number(name) else { return nil }
        guard number <= 1 << 30 else { throw wrong("\(name)=\(number) is too large") }
        return Int(number)
    }

    mutating func servers(_ name: String) throws(ScenarioProblem) -> [ServerID] {
        var ids: [ServerID] = []
        for part in (option(name) ?? "").split(separator: ",") { ids.append(try id(part)) }
        return ids
    }

    /// `index/term`.
    mutating func position(_ name: String) throws(ScenarioProblem) -> (LogIndex, Term)? {
        guard let text = option(name) else { return nil }
        let parts = text.split(separator: "/").map { UInt64($0) }
        guard parts.count == 2, let index = parts[0], let term = parts[1] else {
            throw wrong("\(name)=\(text) is no index/term")
        }
        return (LogIndex(index), Term(term))
    }

    /// `1,1,2x3`: terms, each with how often it comes.
    mutating func terms(_ name: String) throws(ScenarioProblem) -> [UInt64]? {
        guard let text = option(name) else { return nil }
        guard let terms = Self.terms(text) else { throw wrong("\(name)=\(text) are no terms") }
        return terms
    }

    static func terms(_ text: String) -> [UInt64]? {
        var terms: [UInt64] = []
        for part in text.split(separator: ",") {
            let numbers = part.split(separator: "x").map { UInt64($0) }
            guard let term = numbers[0], numbers.count <= 2,
                let count = numbers.count == 2 ? numbers[1] : 1, count <= 1_000_000
            else { return nil }
            terms += Array(repeating: term, count: Int(count))
        }
        return terms
    }

    mutating func duration() throws(ScenarioProblem) -> Duration {
        let text = try word("a duration")
        guard let duration = Duration(scenarioText: text) else {
            throw wrong("\"\(text)\" is no duration like 10ms or 2s")
        }
        return duration
    }

    /// Everything was used.
    func end() throws(ScenarioProblem) {
        if let word = words.first { throw wrong("\"\(word)\" is too much") }
        if let option = options.first { throw wrong("\"\(option.name)=\" is not known") }
    }
}

extension Duration {
    init?(scenarioText text: String) {
        let digits = text.prefix { $0.isNumber }
        guard let number = Int64(digits), number <= 1_000_000_000 else { return nil }
        switch text.dropFirst(digits.count) {
        case "us": self = .microseconds(number)
        case "ms": self = .milliseconds(number)
        case "s": self = .seconds(number)
        case "min": self = .seconds(number * 60)
        default: return nil
        }
    }
}

extension ServerID {
    /// A to Z stand for the ids 1 to 26.
    init?(scenarioName name: some StringProtocol) {
        let bytes = Array(name.utf8)
        guard bytes.count == 1, (65...90).contains(bytes[0]) else { return nil }
        self.init(high: 0, low: UInt64(bytes[0] - 64))
    }

    var scenarioName: String {
        guard high == 0, (1...26).contains(low) else { return description }
        return String(UnicodeScalar(UInt8(64 + low)))
    }
}
