// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// A server's disk: what is durable, and the writes that are not yet.
struct ScenarioDisk: Sendable {
    enum Work: Sendable {
        case write(Write)
        case compact(through: LogIndex, term: Term)
    }

    struct Waiting: Sendable {
        var work: Work
        /// When it is done while time runs.
        var due: Duration
    }

    var hardState = HardState.initial
    var snapshot: SnapshotMetadata?
    /// The commands that the snapshot's state is made of.
    var snapshotState: [String] = []
    var entries: [Entry] = []
    var previousIndex = LogIndex.zero
    var previousTerm = Term.zero
    var commitHint = LogIndex.zero
    /// Records were lost: the server must not vote until a leader made it whole.
    var isRecovering = false
    var waiting: [Waiting] = []

    var lastIndex: LogIndex { entries.last?.index ?? previousIndex }
    var lastTerm: Term { entries.last?.term ?? previousTerm }

    func term(at index: LogIndex) -> Term? {
        if index == previousIndex { return previousTerm }
        guard index > previousIndex, index <= lastIndex else { return nil }
        return entries[Int(index.number - previousIndex.number) - 1].term
    }

    /// Also inside of a snapshot.
    func holds(_ entry: Entry) -> Bool {
        if let snapshot, snapshot.lastIndex >= entry.index { return true }
        return entry.index <= previousIndex || term(at: entry.index) == entry.term
    }

    mutating func carryOut(_ work: Work) {
        switch work {
        case .write(let write): apply(write)
        case .compact(let index, let term):
            guard index > previousIndex else { return }
            entries.removeAll { $0.index <= index }
            previousIndex = index
            previousTerm = term
        }
    }

    private mutating func apply(_ write: Write) {
        if let state = write.hardState { hardState = state }
        if let index = write.truncateAfter { entries.removeAll { $0.index > index } }
        for entry in write.entries {
            precondition(entry.index == lastIndex.next, "a gap on disk at \(entry.index)")
            entries.append(entry)
        }
        if let snapshot = write.resetTo {
            entries = []
            previousIndex = snapshot.lastIndex
            previousTerm = snapshot.lastTerm
        }
        commitHint = max(commitHint, write.commitHint)
    }

    var restored: Restored {
        Restored(
            hardState: hardState, snapshot: snapshot, entries: entries,
            previousIndex: previousIndex, previousTerm: previousTerm,
            commitHint: min(commitHint, lastIndex), isRecovering: isRecovering)
    }
}
