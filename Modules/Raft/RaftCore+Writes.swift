// SPDX-License-Identifier: Apache-2.0

/// What was given to storage, and what of it is durable.
///
/// Each write under way remembers the last index it made durable *of the log as it is in memory*:
/// truncating lowers that index for all of them. So when an old write completes late, it vouches for
/// nothing that was overwritten since, even by an entry of the same index and term.
struct WriteLedger: Sendable {
    struct Issued: Sendable {
        var sequence: UInt64
        var lastIndex: LogIndex
        var at: Duration
        /// Of its entries.
        var bytes = 0
    }

    /// Made in this step and not given out yet.
    private(set) var pending: Write?
    private(set) var issued: [Issued] = []
    private(set) var issuedSequence: UInt64 = 0
    private(set) var durableSequence: UInt64 = 0
    /// The write that carries the newest term and vote.
    private(set) var hardStateSequence: UInt64 = 0
    /// The log in memory is durable up to here.
    var durableIndex = LogIndex.zero
    /// The instant of the step under way.
    var now = Duration.zero
    /// Of entries that are with storage.
    private(set) var bytes = 0
    /// A write that could not be merged with what came after it in the same step.
    private(set) var finished: [Write] = []

    /// When the oldest write that is not durable was asked for.
    var oldestIssuedAt: Duration? { issued.first?.at }
    /// Nothing said in the current term can be forgotten.
    var isHardStateDurable: Bool { hardStateSequence <= durableSequence }
    /// What carries everything decided so far.
    var newestSequence: UInt64 { pending?.sequence.number ?? issuedSequence }

    mutating func store(_ hardState: HardState) {
        edit { $0.hardState = hardState }
        hardStateSequence = newestSequence
    }

    /// - Parameter sizeBytes: of all of them.
    mutating func append(_ entries: [Entry], sizeBytes: Int) {
        guard let last = entries.last else { return }
        if pending?.resetTo != nil { close() }
        edit {
            if $0.entries.isEmpty { $0.entries = entries } else { $0.entries += entries }
        }
        issued[issued.count - 1].lastIndex = last.index
        issued[issued.count - 1].bytes += sizeBytes
        bytes += sizeBytes
    }

    mutating func truncate(after index: LogIndex) {
        if let write = pending, !write.entries.isEmpty || write.resetTo != nil { close() }
        edit { $0.truncateAfter = min($0.truncateAfter ?? index, index) }
        lower(to: index)
    }

    mutating func reset(to snapshot: SnapshotMetadata) {
        if let write = pending, !write.entries.isEmpty || write.truncateAfter != nil { close() }
        lower(to: .zero)
        edit { $0.resetTo = snapshot }
        issued[issued.count - 1].lastIndex = snapshot.lastIndex
    }

    /// Adds the writes of this step, complete.
    mutating func flush(commitHint: LogIndex, into effects: inout [Effect]) {
        guard var last = pending.take() else { return }
        for var write in finished {
            write.commitHint = commitHint
            effects.append(.persist(write))
        }
        if !finished.isEmpty { finished = [] }
        last.commitHint = commitHint
        effects.append(.persist(last))
    }

    mutating func complete(through sequence: UInt64) {
        precondition(sequence <= issuedSequence, "write \(sequence) was never asked for")
        guard sequence > durableSequence else { return }
        durableSequence = sequence
        var completed = 0
        while completed < issued.count, issued[completed].sequence <= sequence {
            durableIndex = max(durableIndex, issued[completed].lastIndex)
            bytes -= issued[completed].bytes
            completed += 1
        }
        issued.removeFirst(completed)
    }

    private mutating func lower(to index: LogIndex) {
        durableIndex = min(durableIndex, index)
        for position in issued.indices {
            issued[position].lastIndex = min(issued[position].lastIndex, index)
        }
    }

    private mutating func edit(_ change: (inout Write) -> Void) {
        if pending == nil {
            issuedSequence += 1
            issued.append(Issued(sequence: issuedSequence, lastIndex: .zero, at: now))
        }
        // Taken out, or the change would copy its entries.
        var write =
            pending.take()
            ?? Write(
                sequence: WriteSequence(issuedSequence), hardState: nil, truncateAfter: nil,
                entries: [], resetTo: nil, commitHint: .zero)
        change(&write)
        pending = write
    }

    private mutating func close() {
        guard let write = pending else { return }
        finished.append(write)
        pending = nil
    }
}

extension RaftCore {
    /// A message that would be a lie after a crash before the write it waits for.
    struct Deferred: Sendable {
        var sequence: UInt64
        var message: Message
        var server: ServerID
    }

    mutating func flushWrites() {
        writes.flush(commitHint: commitIndex, into: &outbox)
    }

    /// Sends at once if term and vote are durable, else with the write that makes them so.
    mutating func sendWhenDurable(_ message: Message, to server: ServerID) {
        send(message, to: server, after: writes.hardStateSequence)
    }

    /// Sends once the write is durable. A later answer to the same server replaces one that waits.
    mutating func send(_ message: Message, to server: ServerID, after sequence: UInt64) {
        guard sequence > writes.durableSequence else {
            outbox.append(.send(message, to: server))
            return
        }
        following.deferred.removeAll { $0.server == server && $0.message.isAlike(message) }
        if following.deferred.count >= Following.deferredMax { following.deferred.removeFirst() }
        following.deferred.append(Deferred(sequence: sequence, message: message, server: server))
    }

    mutating func persisted(through sequence: WriteSequence) {
        writes.complete(through: sequence.number)
        sendDeferred()
        if role == .candidate { requestVotes() }
        if role != .leader { acknowledgeDurable() }
    }

    private mutating func sendDeferred() {
        guard !following.deferred.isEmpty else { return }
        let due = following.deferred.filter { $0.sequence <= writes.durableSequence }
        following.deferred.removeAll { $0.sequence <= writes.durableSequence }
        for waiting in due where waiting.message.term >= term || waiting.message.isPreVoteGrant {
            outbox.append(.send(waiting.message, to: waiting.server))
        }
    }
}

extension Message {
    fileprivate func isAlike(_ other: Message) -> Bool {
        switch (self, other) {
        case (.voteResponse(let left), .voteResponse(let right)):
            left.isPreVote == right.isPreVote
        case (.appendResponse, .appendResponse), (.snapshotResponse, .snapshotResponse): true
        default: false
        }
    }

    fileprivate var isPreVoteGrant: Bool {
        if case .voteResponse(let response) = self {
            response.isPreVote && response.isGranted
        } else {
            false
        }
    }
}
