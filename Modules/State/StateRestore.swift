// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

/// How a state that was saved earlier takes the place of the present one: through the log, in
/// chunks, so that every server changes at the same entry (`docs/adr/0011-restore-through-the-log.md`).
///
/// restoreBegin(size, checksum) → restoreChunk 0, 1, … → restoreEnd. The log index of restoreBegin is
/// the restore's name. Nothing is in force before restoreEnd, which takes all or nothing.
package enum StateRestore {
    /// Bound of a state that can be restored: ``State/serversMax`` servers whose texts are all at their
    /// bound, 7.6 MB, and ``ACLTables/Bounds/bytes``.
    package static let bytesMax = 5 << 30
    /// Bound of a restore whose chunks are kept until its end, of command versions 2 and 4.
    package static let unstagedBytesMax = 32 << 20
    /// Bound of what restoreBegin of command version 2 announces.
    static let olderBytesMax: UInt64 = 16 << 20
    /// A state that nobody minds to have in memory.
    package static let smallBytesMax = 32 << 20
    /// Each chunk but the last has exactly this size: a state cuts in one way only.
    package static let chunkBytes = 256 << 10
    /// A restore that has not ended so many entries after its begin is dropped: its leader is gone.
    package static let entriesMax: UInt64 = 1 << 20
    /// The newest format of a state that restoreEnd of command version 2 takes. A newer format needs
    /// a newer command: all servers must agree on what can be read.
    static let olderFormatMax: UInt8 = 2
    /// The newest format that restoreEnd takes with `hasACL`.
    static let olderACLFormatMax: UInt8 = 4
    /// The newest format that a staged restore takes. Whoever begins one asks ``commandVersion(format:sizeBytes:)``
    /// first, so that all servers read it.
    static let formatMax: UInt8 = 7
    /// The newest format that programs of command version 5 take.
    static let olderStagedFormatMax: UInt8 = 6

    /// Whether a state of this format needs restoreEnd with `hasACL`.
    package static func hasACL(version: UInt8) -> Bool { version > olderFormatMax }

    /// The oldest version of commands that can restore a state of this format and size.
    package static func commandVersion(format: UInt8, sizeBytes: Int) -> UInt8 {
        if format > olderStagedFormatMax { return Command.poolVersion }
        if format > olderACLFormatMax || sizeBytes > unstagedBytesMax {
            return Command.largeVersion
        }
        return hasACL(version: format) || sizeBytes > olderBytesMax
            ? Command.aclVersion : Command.restoreVersion
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
/// - Invariant: what came are the first chunks of a state of `size` bytes, each of its full size: they
///   are in `chunks` or, of a staged restore, in its decoder.
struct PendingRestore: Equatable, Sendable {
    /// Log index of its restoreBegin.
    let index: UInt64
    let size: Int
    /// CRC-32C of the whole.
    let checksum: UInt32
    /// Apart from each other, so that adding one copies nothing.
    private(set) var chunks: [[UInt8]] = []
    /// One, if the chunks are read as they come: then the end has nothing left to do.
    private var decoders: [StateDecoder] = []
    /// Bytes that came.
    private(set) var received = 0
    /// CRC-32C of them, of a staged restore.
    private(set) var sum: UInt32 = 0

    /// - Throws: ``StateError/malformed(_:)`` for a size out of bounds.
    init(index: UInt64, size: UInt64, checksum: UInt32, isStaged: Bool) throws(StateError) {
        let max = isStaged ? StateRestore.bytesMax : StateRestore.unstagedBytesMax
        guard size > 0, size <= max else {
            throw .malformed("a state of \(size) bytes: 1 to \(max) are allowed")
        }
        self.index = index
        self.size = Int(size)
        self.checksum = checksum
        if isStaged { decoders = [.staging] }
    }

    /// nil where the chunks are kept.
    var decoder: StateDecoder? { decoders.first }

    /// The state as far as it was read; nil where the chunks are kept.
    var staged: State? { decoders.first?.state }

    mutating func withStaged<Value>(
        _ body: (inout State) throws(StateError) -> Value
    ) throws(StateError) -> Value {
        guard !decoders.isEmpty else { throw .malformed("no restore that is staged") }
        return try body(&decoders[0].state)
    }

    /// Goes on where the bytes that came had brought it.
    mutating func resume(
        received: UInt64, sum: UInt32, decoder: StateDecoder
    ) throws(StateError) {
        guard received <= UInt64(size),
            received % UInt64(StateRestore.chunkBytes) == 0 || received == UInt64(size)
        else { throw .malformed("\(received) bytes of a restore of \(size)") }
        self.received = Int(received)
        self.sum = sum
        decoders = [decoder]
    }

    /// The number of the chunk that comes next.
    var nextNumber: UInt32 { UInt32(StateRestore.chunkCount(ofBytes: received)) }

    /// Bytes of the chunk that comes next; 0 once all are there.
    private var nextBytes: Int { min(StateRestore.chunkBytes, size - received) }

    var isComplete: Bool { received == size }

    /// - Throws: ``StateError/malformed(_:)`` for a chunk that is not the next one.
    func check(_ chunk: [UInt8], number: UInt32) throws(StateError) {
        guard number == nextNumber, !isComplete else {
            throw .malformed("chunk \(number) after \(nextNumber) chunks")
        }
        guard chunk.count == nextBytes else {
            throw .malformed("chunk \(number) has \(chunk.count) bytes, not \(nextBytes)")
        }
    }

    /// - Throws: ``StateError`` for a chunk that is not the next one; of a staged restore also for one
    ///   that is no part of a state, and then the restore is of no use any more.
    mutating func add(_ chunk: [UInt8], number: UInt32) throws(StateError) {
        try check(chunk, number: number)
        received += chunk.count
        guard !decoders.isEmpty else { return chunks.append(chunk) }
        sum = CRC32C.update(sum, with: chunk)
        try decoders[0].receive(chunk)
    }

    /// The state that the chunks hold, its rows without indexes.
    ///
    /// - Throws: ``StateError`` unless they are complete and what was meant to be sent.
    func state(hasACL: Bool) throws(StateError) -> State {
        guard isComplete else {
            throw .malformed("restore \(index) ends after \(nextNumber) chunks")
        }
        if let decoder {
            guard sum == checksum else { throw wrongChecksum }
            return try decoder.finish()
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        for chunk in chunks { bytes += chunk }
        guard CRC32C.checksum(bytes) == checksum else { throw wrongChecksum }
        // Not empty: its size is at least 1.
        let known = hasACL ? StateRestore.olderACLFormatMax : StateRestore.olderFormatMax
        guard bytes[0] <= known else { throw .newerVersion(bytes[0], known: known) }
        var state = try State(decoding: bytes)
        state.acl = state.acl.undated()
        return state
    }

    private var wrongChecksum: StateError { .malformed("restore \(index) has a wrong checksum") }
}

extension State {
    /// The bytes of ``settled()``.
    package func archived() -> [UInt8] { settled().encoded() }

    /// The state as a file to restore from: without a restore that is under way, and without what a
    /// restore does not take, which is the history, the baseline of an upgrade and the labels of servers.
    /// Where there was never a token, policy, role, node or job, programs of command version 2 can restore
    /// it.
    package func settled() -> State {
        var settled = self
        settled.pendingRestore = nil
        settled.history = History()
        settled.historyIndex = 0
        settled.upgradeBaseline = nil
        settled.upgradeBaselineIndex = 0
        for server in servers where server.hasLabels {
            settled.serverTable.insert(server.withoutLabels(), at: server.id)
        }
        return settled
    }

    /// Replaces one under way: its chunks are refused from here on.
    mutating func beginRestore(
        size: UInt64, checksum: UInt32, isStaged: Bool, at index: UInt64
    ) throws(StateError) -> CommandResult {
        pendingRestore = try PendingRestore(
            index: index, size: size, checksum: checksum, isStaged: isStaged)
        return .applied(modifyIndex: index)
    }

    mutating func addChunk(
        _ chunk: [UInt8], number: UInt32, to restore: UInt64, at index: UInt64
    ) throws(StateError) -> CommandResult {
        guard pendingRestore?.index == restore else { throw notUnderWay(restore) }
        try pendingRestore?.check(chunk, number: number)
        do throws(StateError) {
            try pendingRestore?.add(chunk, number: number)
        } catch {
            pendingRestore = nil
            throw error
        }
        return .applied(modifyIndex: index)
    }

    /// Takes the saved configurations and tables, or their absence, in one step, which takes no time if
    /// the restore is staged. They count as written at
    /// `index`: ModifyIndex never goes back, and a check-and-set prepared before the restore fails.
    ///
    /// The servers stay: they name those that run, as Raft's configuration does, not those that ran
    /// when the state was saved. So do the history, which is this cluster's, and an upgrade's baseline.
    ///
    /// Tokens, policies and roles are those of the saved state, if there ever were any in it: one that
    /// knows of none would open the cluster to the first who bootstraps. Nodes, jobs and what is made of
    /// them are those of the saved state, also if it has none.
    mutating func endRestore(
        _ restore: UInt64, hasACL: Bool, at index: UInt64
    ) throws(StateError) -> CommandResult {
        guard let pending = pendingRestore, pending.index == restore else {
            throw notUnderWay(restore)
        }
        pendingRestore = nil
        let saved = try pending.state(hasACL: hasACL)
        let restored = try saved.scheduling.restored(at: index)
        autopilot = saved.autopilot
        autopilot?.createIndex = index
        autopilot?.modifyIndex = index
        scheduler = saved.scheduler
        scheduler?.createIndex = index
        scheduler?.modifyIndex = index
        restoredIndex = index
        if saved.acl.isKnown { acl = saved.acl.restored(at: index) }
        if scheduling.isKnown || saved.scheduling.isKnown {
            let hadPools = scheduling.poolIndex > 0
            scheduling = restored
            if hadPools { scheduling.poolIndex = index }
        }
        return .applied(modifyIndex: index)
    }

    /// The log index that the end of the restore under way must have at least: in the log of another cluster each
    /// version of a job had an entry of its own, and needs one in this.
    package var restoreEndMin: UInt64 {
        // Jobs come in staged restores only; another would be read as a whole for nothing.
        guard let pendingRestore, pendingRestore.decoder != nil else { return 0 }
        do throws(StateError) {
            return UInt64(try pendingRestore.state(hasACL: true).scheduling.mostVersions)
        } catch {
            return 0  // The end itself says what is wrong.
        }
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
