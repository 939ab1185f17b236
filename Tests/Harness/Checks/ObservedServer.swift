// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletServer

/// What the monitor knows of one server, over all its lives.
final class ObservedServer {
    /// As of its last step in this life.
    var view: ReplicaView?
    /// The highest term in which it voted or acknowledged, in any life.
    var promisedTerm = Term.zero
    var lastVote: (term: Term, candidate: ServerID)?
    var appliedIndex = LogIndex.zero
    /// In force, committed or not.
    var configuration = Configuration.empty
    /// While it recovers: how far its log went that is lost.
    var lastIndexBeforeLoss: LogIndex?
    /// In this step it was told that it knows what it promised.
    var hasJustRecovered = false
    /// The log's configurations changed in this step.
    var isConfigurationTouched = false

    /// Those of the log, and the one before it.
    private var configurations: [(index: LogIndex, configuration: Configuration)] = []
    private(set) var baseIndex = LogIndex.zero
    private var baseTerm = Term.zero
    /// Of the entries after the base.
    private var terms: [Term] = []

    var lastIndex: LogIndex { LogIndex(baseIndex.number + UInt64(terms.count)) }
    var lastTerm: Term { terms.last ?? baseTerm }

    /// nil before the base and after the end.
    func term(at index: LogIndex) -> Term? {
        guard index >= baseIndex, index <= lastIndex else { return nil }
        return index == baseIndex ? baseTerm : terms[Int(index.number - baseIndex.number) - 1]
    }

    func begin(_ restored: Restored) {
        view = nil
        appliedIndex = restored.snapshot?.lastIndex ?? .zero
        baseIndex = restored.previousIndex
        baseTerm = restored.previousTerm
        terms = restored.entries.map(\.term)
        configurations = []
        if let snapshot = restored.snapshot {
            configurations = [(snapshot.configurationIndex, snapshot.configuration)]
        }
        let oldest = configurations.first?.index ?? .zero
        for entry in restored.entries where entry.index > oldest { noteConfiguration(entry) }
        configuration = newestConfiguration
    }

    var newestConfiguration: Configuration { configurations.last?.configuration ?? .empty }

    private func noteConfiguration(_ entry: Entry) {
        guard entry.kind == .configuration,
            let configuration = Configuration(encoded: entry.payload)
        else { return }
        configurations.append((entry.index, configuration))
        isConfigurationTouched = true
    }

    func reset(to snapshot: SnapshotMetadata) {
        baseIndex = snapshot.lastIndex
        baseTerm = snapshot.lastTerm
        terms = []
        configurations = [(snapshot.configurationIndex, snapshot.configuration)]
        isConfigurationTouched = true
    }

    func truncate(after index: LogIndex) {
        guard index < lastIndex, index >= baseIndex else { return }
        terms.removeLast(Int(lastIndex.number - index.number))
        while let last = configurations.last, last.index > index {
            configurations.removeLast()
            isConfigurationTouched = true
        }
    }

    func append(_ entry: Entry) {
        terms.append(entry.term)
        noteConfiguration(entry)
    }
}

/// Every entry that any log ever held, by index and term.
struct KnownEntries {
    private struct Version {
        let entry: Entry
        var previousTerm: Term?
    }

    /// By index, from 1; few terms each.
    private var versions: [[Version]] = []

    /// Why this entry cannot be; nil if it can.
    mutating func note(_ entry: Entry, previousTerm: Term?) -> String? {
        let position = Int(entry.index.number) - 1
        while versions.count <= position { versions.append([]) }
        guard let place = versions[position].firstIndex(where: { $0.entry.term == entry.term })
        else {
            versions[position].append(Version(entry: entry, previousTerm: previousTerm))
            return nil
        }
        let version = versions[position][place]
        guard version.entry == entry else { return "with another content than elsewhere" }
        guard let previousTerm else { return nil }
        guard let expected = version.previousTerm else {
            versions[position][place].previousTerm = previousTerm
            return nil
        }
        return expected == previousTerm
            ? nil : "after an entry of \(previousTerm), elsewhere after one of \(expected)"
    }
}
