// SPDX-License-Identifier: Apache-2.0

/// `name=value`, or with `!=`, `<`, `<=`, `>`, `>=` between.
struct ScenarioComparison: Sendable {
    var name: String
    var sign: String
    var value: String

    static func all(
        _ words: inout ScenarioWords
    ) throws(ScenarioProblem) -> [ScenarioComparison] {
        var comparisons: [ScenarioComparison] = []
        let usage = words
        for word in words.rest() { comparisons.append(try one(word, usage)) }
        guard !comparisons.isEmpty else { throw words.wrong("nothing is expected") }
        return comparisons
    }

    static func one(
        _ word: String, _ words: ScenarioWords
    ) throws(ScenarioProblem) -> ScenarioComparison {
        let isSign: (Character) -> Bool = { "=<>!".contains($0) }
        guard let start = word.firstIndex(where: isSign) else {
            throw words.wrong("\"\(word)\" compares nothing")
        }
        let end = word[start...].firstIndex { !isSign($0) } ?? word.endIndex
        let sign = String(word[start..<end])
        guard ["=", "!=", "<", "<=", ">", ">="].contains(sign) else {
            throw words.wrong("\"\(sign)\" is no sign")
        }
        return ScenarioComparison(
            name: String(word[..<start]), sign: sign, value: String(word[end...]))
    }

    /// nil if all hold; else what is otherwise.
    static func complaint(
        _ comparisons: [ScenarioComparison], _ what: String,
        value: (String) throws(ScenarioProblem) -> String
    ) throws(ScenarioProblem) -> String? {
        var complaints: [String] = []
        for comparison in comparisons {
            let actual = try value(comparison.name)
            guard try !comparison.holds(for: actual) else { continue }
            complaints.append(
                "\(comparison.name)\(comparison.sign)\(comparison.value) expected, is \(actual)")
        }
        return complaints.isEmpty ? nil : "\(what): " + complaints.joined(separator: "; ")
    }

    /// Of a number without a name.
    func complaint(_ what: String, isNow count: Int) throws(ScenarioProblem) -> String? {
        let named = ScenarioComparison(name: "", sign: sign, value: value)
        return try Self.complaint([named], what) { _ throws(ScenarioProblem) in "\(count)" }
    }

    func holds(for actual: String) throws(ScenarioProblem) -> Bool {
        switch sign {
        case "=": return matches(actual)
        case "!=": return !matches(actual)
        default: break
        }
        guard let left = Int64(actual), let right = Int64(value) else {
            throw ScenarioProblem("\(name)\(sign)\(value) compares numbers, and it is \(actual)")
        }
        switch sign {
        case "<": return left < right
        case "<=": return left <= right
        case ">": return left > right
        default: return left >= right
        }
    }

    /// `accepted` also stands for `accepted@3/2`; terms may be written `1,2x3`.
    private func matches(_ actual: String) -> Bool {
        if actual == value { return true }
        if name == "terms", let terms = ScenarioWords.terms(value) {
            return actual == terms.map { "\($0)" }.joined(separator: ",")
        }
        return !value.contains("@") && actual.hasPrefix(value + "@")
    }
}
