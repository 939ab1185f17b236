// SPDX-License-Identifier: Apache-2.0

import MartletServer

/// What a key holds and what becomes of it.
indirect enum Shape {
    typealias Target<Value> = WritableKeyPath<AgentConfiguration, Value>

    /// The rule returns what would be right, or nil for a text that is.
    case text(Target<String>, (String) -> String?)
    /// Empty for none, as in Nomad.
    case optionalText(Target<String?>, (String) -> String?)
    case texts(Target<[String]>, each: (String) -> String?)
    /// One text with commas between what it lists.
    case commaSeparated(Target<[String]>, each: (String) -> String?)
    case number(Target<Int>, ClosedRange<Int>)
    case bool(Target<Bool>)
    case duration(Target<Duration>, ClosedRange<Duration>)
    case choice(Choice)
    /// Permissions, octal.
    case fileMode(Target<Int>)
    /// Secret: no message shows what was given.
    case gossipKey(Target<GossipKey?>)
    /// Read and checked, nothing to set: only this number is possible.
    case exactly(Int, because: String)
    case block([Key])
    /// The labelled blocks of `audit`.
    case auditSinks
    /// Another place of the key at this path.
    case alias(of: [String])
    /// Nomad's; has no effect here and none is missed, whatever it holds.
    case harmless
    /// Nomad's; has no effect here, and a warning says so where it is switched on.
    case withoutEffect(String)
}

/// A key of a block.
struct Key {
    let name: String
    let shape: Shape

    init(_ name: String, _ shape: Shape) {
        self.name = name
        self.shape = shape
    }
}

/// One of a few words.
struct Choice {
    /// What a message says that it must be.
    let right: String
    let word: (AgentConfiguration) -> String
    /// False for a word that is none of them.
    let set: (inout AgentConfiguration, String) -> Bool

    /// - Parameter because: why not others that one might expect.
    init<Value: RawRepresentable<String> & CaseIterable>(
        _ target: WritableKeyPath<AgentConfiguration, Value>, because: String = "",
        spelling: @escaping (String) -> String = { $0 },
        shown: @escaping (String) -> String = { $0 }
    ) {
        let words = Value.allCases.map { "\"\(shown($0.rawValue))\"" }
        let list =
            words.count > 1
            ? words.dropLast().joined(separator: ", ") + " or " + words[words.count - 1] : words[0]
        right = list + (because.isEmpty ? "" : ", \(because)")
        word = { shown($0[keyPath: target].rawValue) }
        set = { configuration, word in
            guard let value = Value(rawValue: spelling(word)) else { return false }
            configuration[keyPath: target] = value
            return true
        }
    }
}

extension Shape {
    /// What a message says that a value must be.
    var expectation: String {
        switch self {
        case .text, .optionalText: "a string"
        case .texts: "a list of strings"
        case .commaSeparated: "a string with commas between the names"
        case .bool: "true or false"
        case .number(_, let range) where range.upperBound == .max:
            "a whole number from \(range.lowerBound)"
        case .number(_, let range):
            "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .exactly(let wanted, let reason): "\(wanted), \(reason)"
        case .duration(_, let range):
            "a duration from \(goText(range.lowerBound)) to \(goText(range.upperBound)) in a"
                + " string, such as \"30s\" or \"1m30s\""
        case .choice(let choice): choice.right
        case .fileMode:
            "an octal number such as \"0600\": the owner reads and writes, nobody executes, only the"
                + " owner writes"
        case .gossipKey:
            "16, 24 or 32 bytes in base64, as 'martlet operator gossip keyring generate' makes them"
        case .block, .auditSinks, .alias, .harmless, .withoutEffect: "a block: {…}"
        }
    }
}
