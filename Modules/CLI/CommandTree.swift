// SPDX-License-Identifier: Apache-2.0
import MartletHCL

/// All commands, and where words lead among them.
package struct CommandTree: Sendable {
    package enum Entry: Sendable {
        case own(Command)
        case foreign(ForeignCommand)

        package var words: [String] {
            switch self {
            case .own(let command): command.words
            case .foreign(let command): command.words
            }
        }

        package var synopsis: String {
            switch self {
            case .own(let command): command.synopsis
            case .foreign(let command): command.synopsis
            }
        }

        package var name: String { words.joined(separator: " ") }
    }

    /// What the first words of a command line are.
    package enum Place: Sendable {
        case command(Entry, rest: [String])
        /// Words that other words must follow.
        case group([String], rest: [String])
    }

    /// Sorted by their words.
    package let entries: [Entry]
    /// What the groups are for, by their words.
    private let groups: [String: String]

    package init(
        commands: [Command], foreign: [ForeignCommand], groups: [String: String] = [:]
    ) {
        entries = (commands.map(Entry.own) + foreign.map(Entry.foreign)).sorted {
            $0.words.lexicographicallyPrecedes($1.words)
        }
        self.groups = groups
    }

    /// - Throws: exit code 2 for a word that leads nowhere, with the nearest that does.
    package func place(of arguments: [String]) throws(CLIFailure) -> Place {
        var path: [String] = []
        for (count, word) in arguments.enumerated() {
            guard !word.hasPrefix("-") else { break }
            let next = path + [word]
            if let entry = entries.first(where: { $0.words == next }) {
                return .command(entry, rest: Array(arguments[(count + 1)...]))
            }
            guard isGroup(next) else { throw unknown(word, after: path) }
            path = next
        }
        return .group(path, rest: Array(arguments[path.count...]))
    }

    private func isGroup(_ words: [String]) -> Bool {
        entries.contains { $0.words.count > words.count && $0.words.starts(with: words) }
    }

    private func unknown(_ word: String, after path: [String]) -> CLIFailure {
        let known = children(of: path).map(\.word)
        let given = (path + [Text.clipped(word)]).joined(separator: " ")
        guard let nearest = nearestName(to: word, among: known) else {
            let list = (["martlet"] + path + ["-help"]).joined(separator: " ")
            return .usage("unknown command '\(given)': '\(list)' lists what there is")
        }
        let meant = (path + [nearest]).joined(separator: " ")
        return .usage("unknown command '\(given)': did you mean '\(meant)'?")
    }

    /// The words that may follow, sorted, and what they are for.
    package func children(of path: [String]) -> [(word: String, synopsis: String)] {
        var children: [(word: String, synopsis: String)] = []
        for entry in entries
        where entry.words.count > path.count && entry.words.starts(with: path) {
            let word = entry.words[path.count]
            guard children.last?.word != word else { continue }
            let isCommand = entry.words.count == path.count + 1
            let group = (path + [word]).joined(separator: " ")
            children.append((word, isCommand ? entry.synopsis : groups[group] ?? ""))
        }
        return children
    }

    /// Each that has children, the root first.
    package var groupPaths: [[String]] {
        var paths: [[String]] = [[]]
        for entry in entries {
            for count in 1..<max(1, entry.words.count) {
                let path = Array(entry.words.prefix(count))
                if !paths.contains(path) { paths.append(path) }
            }
        }
        return paths
    }

    package func synopsis(ofGroup path: [String]) -> String {
        path.isEmpty
            ? "servers of a replicated control plane, and their operation"
            : groups[path.joined(separator: " ")] ?? ""
    }
}
