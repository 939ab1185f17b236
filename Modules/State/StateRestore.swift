// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

/// How a state that was saved earlier takes the place of the present one: through the log, in
/// chunks, so that every server changes at the same entry (`docs/adr/0011-restore-through-the-log.md`).
///
/// restoreBegin(size, checksum) → restoreChunk 0, 1, … → restoreEnd. The log index of restoreBegin is
/// the restore's name. Nothing is in force before restoreEnd, which takes all or nothing.
package enum StateRestore {
    /// Bound of a state that can be restored. The largest archive has 33 MB: ``State/serversMax``
    /// servers whose texts are all at their bound, 7.6 MB, and ``ACLTables/bytesMax``.
    package static let bytesMax = 32 << 20
    /// Bound of what restoreBegin of command version 2 announces.
    static let olderBytesMax: UInt64 = 16 << 20
    /// Each chunk but the last has exactly this size: a state cuts in one way only.
    package static let chunkBytes = 256 << 10
    /// A restore that has not ended so many entries after its begin is dropped: its leader is gone.
    package static let entriesMax: UInt64 = 1 << 20
    /// The newest format of a state that restoreEnd of command version 2 takes. A newer format needs
    /// a newer command: all servers must agree on what can be read.
    static let olderFormatMax: UInt8 = 2
    /// The newest format that restoreEnd takes with `hasACL`.
    static let formatMax: UInt8 = 4

    /// Whether the state in these bytes needs restoreEnd with `hasACL`.
    package static func hasACL(_ bytes: [UInt8]) -> Bool {
        bytes.first.map { $0 > olderFormatMax } ?? false
    }

    /// The oldest version of commands that can restore the state in these bytes.
    package static func commandVersion(for bytes: [UInt8]) -> UInt8 {
        hasACL(bytes) || bytes.count > olderBytesMax ? Command.aclVersion : Command.restoreVersion
    }

    /// Number of chunks of a state.
    package static func chunkCount(ofBytes size: Int) -> Int {
        (size + chunkBytes - 1) / chunkBytes
    }

    /// The chunk with this number, from 0.
    package static func chunk(_ number: Int, of bytes: [UInt8]) -> [UInt8] {
        Array(bytes.dropFirst(number * chunkBytes).prefix(chunkBytes))
    }
}

/// A restore under way: what came of it so far. Part of the state, since any server may start
/// again, or receive a snapshot, in the middle of it.
///
/// - Invariant: `chunks` holds the first chunks of a state of `size` bytes, each of its full size.
struct PendingRestore: Equatable, Sendable {
    /// Log index of its restoreBegin.
    let index: UInt64
    let size: Int
    /// CRC-32C of the whole.
    let checksum: UInt32
    /// Apart from each other, so that adding one copies nothing.
    private(set) var chunks: [[UInt8]] = []

    /// - Throws: ``StateError/malformed(_:)`` for a size out of bounds.
    init(index: UInt64, size: UInt64, checksum: UInt32) throws(StateError) {
        guard size > 0, size <= StateRestore.bytesMax else {
            throw .malformed("a state of \(size) bytes: 1 to \(StateRestore.bytesMax) are allowed")
        }
        self.index = index
        self.size = Int(size)
        self.checksum = checksum
    }

    /// Bytes of the chunk that comes next; 0 once all are there.
    private var nextBytes: Int {
        min(StateRestore.chunkBytes, size - chunks.count * StateRestore.chunkBytes)
    }

    var isComplete: Bool { chunks.count == StateRestore.chunkCount(ofBytes: size) }

    /// - Throws: ``StateError/malformed(_:)`` for a chunk that is not the next one.
    mutating func add(_ chunk: [UInt8], number: UInt32) throws(StateError) {
        guard number == chunks.count, !isComplete else {
            throw .malformed("chunk \(number) after \(chunks.count) chunks")
        }
        guard chunk.count == nextBytes else {
            throw .malformed("chunk \(number) has \(chunk.count) bytes, not \(nextBytes)")
        }
        chunks.append(chunk)
    }

    /// The state that the chunks hold.
    ///
    /// - Throws: ``StateError`` unless they are complete and what was meant to be sent.
    func state(hasACL: Bool) throws(StateError) -> State {
        guard isComplete else {
            throw .malformed("restore \(index) ends after \(chunks.count) chunks")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        for chunk in chunks { bytes += chunk }
        guard CRC32C.checksum(bytes) == checksum else {
            throw .malformed("restore \(index) has a wrong checksum")
        }
        // Not empty: its size is at least 1.
        let known = hasACL ? StateRestore.formatMax : StateRestore.olderFormatMax
        guard bytes[0] <= known else { throw .newerVersion(bytes[0], known: known) }
        return try State(decoding: bytes)
    }
}

extension State {
    /// Log index of the restoreBegin under way; nil without one.
    package var restoreIndex: UInt64? { pendingRestore?.index }

    /// The state as a file to restore from: without a restore that is under way, and without what a
    /// restore does not take, which is the history, the baseline of an upgrade, the labels of servers,
    /// and nodes and jobs. Where there was never a token, policy or role, programs of command version 2 can
    /// restore it.
    package func archived() -> [UInt8] {
        var settled = self
        settled.pendingRestore = nil
        settled.history = History()
        settled.historyIndex = 0
        settled.upgradeBaseline = nil
        settled.upgradeBaselineIndex = 0
        settled.scheduling = SchedulerTables()
        for server in servers where server.hasLabels {
            settled.serverTable.insert(server.withoutLabels(), at: server.id)
        }
        return settled.encoded()
    }

    /// Replaces one under way: its chunks are refused from here on.
    mutating func beginRestore(
        size: UInt64, checksum: UInt32, at index: UInt64
    ) throws(StateError) -> CommandResult {
        pendingRestore = try PendingRestore(index: index, size: size, checksum: checksum)
        return .applied(modifyIndex: index)
    }

    mutating func addChunk(
        _ chunk: [UInt8], number: UInt32, to restore: UInt64, at index: UInt64
    ) throws(StateError) -> CommandResult {
        guard pendingRestore?.index == restore else { throw notUnderWay(restore) }
        try pendingRestore?.add(chunk, number: number)
        return .applied(modifyIndex: index)
    }

    /// Takes the saved configurations, or their absence, in one step. They count as written at
    /// `index`: ModifyIndex never goes back, and a check-and-set prepared before the restore fails.
    ///
    /// The servers stay: they name those that run, as Raft's configuration does, not those that ran
    /// when the state was saved. So do the history, which is this cluster's, and an upgrade's baseline.
    ///
    /// Tokens, policies and roles are those of the saved state, if there ever were any in it: one that
    /// knows of none would open the cluster to the first who bootstraps.
    mutating func endRestore(
        _ restore: UInt64, hasACL: Bool, at index: UInt64
    ) throws(StateError) -> CommandResult {
        guard let pending = pendingRestore, pending.index == restore else {
            throw notUnderWay(restore)
        }
        pendingRestore = nil
        let saved = try pending.state(hasACL: hasACL)
        autopilot = saved.autopilot
        autopilot?.createIndex = index
        autopilot?.modifyIndex = index
        scheduler = saved.scheduler
        scheduler?.createIndex = index
        scheduler?.modifyIndex = index
        restoredIndex = index
        if saved.acl.isKnown { acl = saved.acl.restored(at: index) }
        return .applied(modifyIndex: index)
    }

    private func notUnderWay(_ restore: UInt64) -> StateError {
        .malformed(
            "restore \(restore) is not under way: another took its place, or it took too long")
    }

    mutating func dropLateRestore() {
        guard let pendingRestore, lastAppliedIndex - pendingRestore.index > StateRestore.entriesMax
        else { return }
        self.pendingRestore = nil
    }
}
