// SPDX-License-Identifier: Apache-2.0
import MartletBytes
public import MartletRaft
public import MartletStorage
import MartletTransport

/// A disk that outlives crashes, with the faults that a test asks for.
///
/// Each store call that writes is one atomic, durable step; a crash in the middle of a lane's job
/// keeps a seeded number of its steps. A store opened before a crash refuses everything after it.
public final class SimulatedDisk {
    public enum Fault: Sendable {
        /// No space: the store stays usable.
        case full
        /// The sync failed: that store refuses everything until it is opened again.
        case broken
    }

    /// Where a flipped bit lies.
    public enum Place: Sendable, CaseIterable {
        /// One record of the log, the term and vote among them.
        case log
        case metadata
        /// The content of the newest snapshot.
        case snapshot
        /// The part of a snapshot that is being received.
        case partial
    }

    struct LogImage {
        var bounds = LogBounds.empty
        /// The record whose checksum does not match; 0 is that of term and vote.
        var damagedIndex: LogIndex?
        var hardState = HardState.initial
        var commitHint = LogIndex.zero
        var entries: [Entry] = []
        var sizeBytes = 0
    }

    /// Room for the log's entries, headers included; nil has no end.
    public var logBytesMax: Int?

    var log = LogImage()
    var metadata: ServerMetadata?
    var isMetadataDamaged = false
    /// What was here is gone, and no server has taken note of it yet.
    var areStoresLost = false
    private var damagedSnapshot: SnapshotMetadata?
    var snapshots: [(metadata: SnapshotMetadata, bytes: [UInt8])] = []
    var partial: (metadata: SnapshotMetadata, bytes: [UInt8])?
    private(set) var life = 0
    /// World time until which no lane of the host completes anything.
    private(set) var stalledUntil: Int64 = 0
    unowned var host: SimulatedHost?
    /// Every write that needs space is refused as full while this is true; nothing breaks.
    public var isFull = false
    /// The log's payloads and the bytes of every snapshot: where a test looks for what must not be
    /// on a disk.
    public var everything: [UInt8] {
        log.entries.flatMap(\.payload) + snapshots.flatMap(\.bytes) + (partial?.bytes ?? [])
    }
    /// Durable steps since the world began: what ``crash(atStep:isDone:)`` counts in.
    public private(set) var stepCount: UInt64 = 0
    private var crashPoint: (step: UInt64, isDone: Bool)?
    private var nextFault: Fault?
    private var stepsLeft: Int?
    private let timeline: Timeline

    init(timeline: Timeline) { self.timeline = timeline }

    public func openLogStore() -> any LogStore { SimulatedLogStore(self) }
    public func openMetadataStore() -> any MetadataStore { SimulatedMetadataStore(self) }
    public func openSnapshotStore() -> any SnapshotStore { SimulatedSnapshotStore(self) }

    /// The stores of a folder of ``SimulatedHost/files``, of which there is one at a time: in a folder
    /// that is new they are empty, and what another one held is gone.
    public func openStores(in directory: String) throws(StoreError) -> ServerStores {
        let marker = "\(directory)/STORES"
        if let files = host?.files, !files.exists(marker) {
            let isLoss = metadata != nil || areStoresLost
            erase()
            areStoresLost = isLoss
            do throws(FileError) { try files.replace(marker, with: []) } catch {
                throw .broken("\(error)")
            }
        }
        let log = SimulatedLogStore(self)
        let metadata = SimulatedMetadataStore(self)
        let snapshots = SimulatedSnapshotStore(self)
        return ServerStores(log: log, metadata: metadata, snapshots: snapshots) {
            log.close()
            metadata.close()
            snapshots.close()
        }
    }

    /// The next durable write of any store of this disk fails so.
    public func failNextCommit(_ fault: Fault) { nextFault = fault }

    /// Freezes the host's lanes until this much world time has passed.
    public func stall(until time: Duration) { stalledUntil = time.wholeNanoseconds }

    /// Power is cut at the `count`-th durable step from here on, 1 being the next: just before it,
    /// or just after it and before anybody is told. What the lane would have done behind it is not.
    public func crash(atStep count: UInt64, isDone: Bool) {
        crashPoint = (stepCount + max(1, count), isDone)
    }

    /// Takes back every fault that has not struck yet.
    public func calm() {
        isFull = false
        nextFault = nil
        crashPoint = nil
        stalledUntil = 0
    }

    /// Flips one bit there, if anything is there: what a store says of it is what a real one finds
    /// by its checksums, when it is next read. False if there was nothing to flip.
    public func flipBit(in place: Place) -> Bool {
        switch place {
        case .log:
            let bounds = log.bounds
            guard bounds.count > 0 else { return false }
            let first = bounds.previousIndex.number
            let drawn = timeline.withGenerator {
                UInt64.random(in: first...bounds.lastIndex.number, using: &$0)
            }
            log.damagedIndex = drawn == first ? .zero : LogIndex(drawn)
        case .metadata:
            guard metadata != nil else { return false }
            isMetadataDamaged = true
        case .snapshot:
            guard let last = snapshots.indices.last, !snapshots[last].bytes.isEmpty else {
                return false
            }
            flip(&snapshots[last].bytes)
            damagedSnapshot = snapshots[last].metadata
        case .partial:
            guard var damaged = partial, !damaged.bytes.isEmpty else { return false }
            flip(&damaged.bytes)
            partial = damaged
        }
        return true
    }

    /// Whether a flipped bit is still there, in anything that a start needs.
    public var isDamaged: Bool {
        areStoresLost || log.damagedIndex != nil || isMetadataDamaged
            || snapshots.contains { $0.metadata == damagedSnapshot }
    }

    /// Whether the server whose stores are here lost others before, and is not refilled yet.
    public var isRecovering: Bool { metadata?.isRecovering ?? false }

    /// Whether this entry is durable here, as itself or within a snapshot.
    public func holds(_ index: LogIndex, of term: Term) -> Bool {
        let bounds = log.bounds
        guard index > bounds.previousIndex else { return true }
        guard index <= bounds.lastIndex else { return false }
        return log.entries[Int(index.number - bounds.previousIndex.number) - 1].term == term
    }

    private func flip(_ bytes: inout [UInt8]) {
        let indices = bytes.indices
        let place = timeline.withGenerator { Int.random(in: indices, using: &$0) }
        bytes[place] ^= 1 << timeline.withGenerator { UInt8.random(in: 0..<8, using: &$0) }
    }

    /// As a new disk in the same machine.
    ///
    /// - Precondition: the host is down.
    public func wipe() {
        precondition(host?.isRunning != true, "a disk is changed in a machine that runs")
        host?.files.erase()
        erase()
    }

    /// The stores are gone and their folder is there: as after a file system was put back from a
    /// backup that had no part of them.
    ///
    /// - Precondition: the host is down.
    public func loseStores() {
        precondition(host?.isRunning != true, "a disk is changed in a machine that runs")
        erase()
        areStoresLost = true
    }

    private func erase() {
        areStoresLost = false
        log = LogImage()
        metadata = nil
        isMetadataDamaged = false
        snapshots = []
        partial = nil
        life += 1
    }

    /// Asked before each durable step.
    func admit() throws(StoreError) {
        stepCount += 1
        if let point = crashPoint, stepCount >= point.step {
            if stepCount == point.step { host?.crashSoon() }
            guard point.isDone, stepCount == point.step else { throw .broken("the host crashed") }
        }
        if isFull { throw .full("simulated") }
        if let left = stepsLeft {
            guard left > 0 else { throw .broken("the host crashed") }
            stepsLeft = left - 1
        }
        switch nextFault {
        case nil: return
        case .full:
            nextFault = nil
            throw .full("simulated")
        case .broken:
            nextFault = nil
            throw .broken("simulated")
        }
    }

    func whileCrashing(_ job: () -> Void) {
        stepsLeft = timeline.withGenerator { Int.random(in: 0...2, using: &$0) }
        job()
        stepsLeft = nil
    }

    func crash() {
        life += 1
        nextFault = nil
        crashPoint = nil
        guard let count = partial?.bytes.count, count > 0 else { return }
        // Chunks need not be durable: a seeded part of them is there, and its end may be torn.
        let kept = timeline.withGenerator { Int.random(in: 0...count, using: &$0) }
        partial?.bytes.removeLast(count - kept)
        guard kept > 0, timeline.withGenerator({ Bool.random(using: &$0) }) else { return }
        for offset in max(0, kept - Self.sectorBytes)..<kept { partial?.bytes[offset] = 0 }
    }

    private static let sectorBytes = 512
}

/// What the stores share: they end with the life they were opened in, and at a failed sync.
// SAFETY: guarded by the world's single thread; lanes of the simulator run there.
class SimulatedStore: @unchecked Sendable {
    let disk: SimulatedDisk
    private let life: Int
    private var brokenBy: StoreError?

    init(_ disk: SimulatedDisk) {
        self.disk = disk
        life = disk.life
    }

    func check() throws(StoreError) {
        if let brokenBy { throw brokenBy }
        guard life == disk.life else { throw .broken("opened before a crash") }
    }

    func admit() throws(StoreError) {
        do throws(StoreError) { try disk.admit() } catch {
            if case .broken = error { brokenBy = error }
            throw error
        }
    }

    func close() { brokenBy = .broken("closed") }
}

// SAFETY: guarded by the world's single thread, like its disk.
final class SimulatedLogStore: SimulatedStore, LogStore, @unchecked Sendable {
    var bounds: LogBounds { disk.log.bounds }

    func hardState() throws(StoreError) -> HardState {
        try check()
        if disk.log.damagedIndex == .zero { throw .corrupt("term and vote: checksum") }
        return disk.log.hardState
    }

    func commitHint() throws(StoreError) -> LogIndex {
        try check()
        return min(disk.log.commitHint, disk.log.bounds.lastIndex)
    }

    func commit(_ batch: LogBatch) throws(StoreError) {
        try check()
        var bounds = disk.log.bounds
        if let point = batch.resetTo {
            bounds = LogBounds(
                previousIndex: point.index, previousTerm: point.term, lastIndex: point.index)
        }
        if let index = batch.truncateAfter, index < bounds.lastIndex {
            guard index >= bounds.previousIndex else {
                throw .mismatch("truncation after \(index), which is compacted")
            }
            bounds.lastIndex = index
        }
        let kept = batch.resetTo == nil ? Int(bounds.count) : 0
        for entry in batch.entries {
            guard entry.index == bounds.lastIndex.next else {
                throw .mismatch("\(entry.index) does not follow \(bounds.lastIndex)")
            }
            bounds.lastIndex = entry.index
        }
        var droppedBytes = 0
        for entry in disk.log.entries[kept...] { droppedBytes += entry.sizeBytes }
        var addedBytes = 0
        for entry in batch.entries { addedBytes += entry.sizeBytes }
        let sizeBytes = disk.log.sizeBytes - droppedBytes + addedBytes
        if let most = disk.logBytesMax, !batch.entries.isEmpty, sizeBytes > most {
            throw .full("the log may have \(most) bytes")
        }
        try admit()
        disk.log.sizeBytes = sizeBytes
        if let hardState = batch.hardState { disk.log.hardState = hardState }
        if let damaged = disk.log.damagedIndex,
            damaged == .zero ? batch.hardState != nil : kept < disk.log.entries.count
        {
            // Written anew, or gone.
            let end = LogIndex(disk.log.bounds.previousIndex.number + UInt64(kept))
            if damaged == .zero || damaged > end { disk.log.damagedIndex = nil }
        }
        if let hint = batch.commitHint { disk.log.commitHint = hint }
        if disk.log.entries.count > kept {
            disk.log.entries.removeLast(disk.log.entries.count - kept)
        }
        disk.log.entries += batch.entries
        disk.log.bounds = bounds
    }

    func read(
        from first: LogIndex, countMax: Int, bytesMax: Int
    ) throws(StoreError) -> [Entry] {
        try check()
        let bounds = disk.log.bounds
        if let damaged = disk.log.damagedIndex, damaged >= first, damaged <= bounds.lastIndex {
            throw .corrupt("entry \(damaged): checksum")
        }
        guard first > bounds.previousIndex else {
            throw .mismatch("\(first) is before the log, which follows \(bounds.previousIndex)")
        }
        guard first <= bounds.lastIndex else { return [] }
        var found: [Entry] = []
        var bytes = 0
        let start = Int(first.number - bounds.previousIndex.number - 1)
        for entry in disk.log.entries[start...].prefix(max(0, countMax)) {
            bytes += entry.payload.count
            if bytes > bytesMax, !found.isEmpty { break }
            found.append(entry)
        }
        return found
    }

    func compact(through index: LogIndex, term: Term) throws(StoreError) {
        try check()
        let bounds = disk.log.bounds
        guard index > bounds.previousIndex else { return }
        guard index <= bounds.lastIndex else {
            throw .mismatch("compaction through \(index), beyond \(bounds.lastIndex)")
        }
        let count = Int(index.number - bounds.previousIndex.number)
        if let damaged = disk.log.damagedIndex, damaged > .zero, damaged <= index {
            disk.log.damagedIndex = nil
        }
        guard disk.log.entries[count - 1].term == term else {
            throw .mismatch("\(index) is of \(disk.log.entries[count - 1].term), not \(term)")
        }
        try admit()
        disk.log.sizeBytes -= disk.log.entries[..<count].reduce(0) { $0 + $1.sizeBytes }
        disk.log.entries.removeFirst(count)
        disk.log.bounds.previousIndex = index
        disk.log.bounds.previousTerm = term
    }
}

// SAFETY: guarded by the world's single thread, like its disk.
final class SimulatedMetadataStore: SimulatedStore, MetadataStore, @unchecked Sendable {
    func load() throws(StoreError) -> ServerMetadata? {
        try check()
        if disk.isMetadataDamaged { throw .corrupt("the server's identity: checksum") }
        return disk.metadata
    }

    func save(_ metadata: ServerMetadata) throws(StoreError) {
        try check()
        try admit()
        disk.metadata = metadata
        disk.isMetadataDamaged = false
        disk.areStoresLost = false
    }
}

// SAFETY: guarded by the world's single thread, like its disk.
final class SimulatedSnapshotStore: SimulatedStore, SnapshotStore, @unchecked Sendable {
    private var hasBegun = false

    func list() throws(StoreError) -> [SnapshotMetadata] {
        try check()
        return disk.snapshots.map(\.metadata)
    }

    func partialBytes(of metadata: SnapshotMetadata) throws(StoreError) -> UInt64 {
        try check()
        guard let partial = disk.partial, partial.metadata == metadata else { return 0 }
        return UInt64(partial.bytes.count)
    }

    func begin(_ metadata: SnapshotMetadata) throws(StoreError) {
        try check()
        if !metadata.resumes(disk.partial?.metadata) { disk.partial = (metadata, []) }
        hasBegun = true
    }

    func write(_ chunk: [UInt8], at offset: UInt64) throws(StoreError) {
        try check()
        guard hasBegun, let partial = disk.partial, offset == UInt64(partial.bytes.count) else {
            throw .mismatch("offset \(offset) is not where the snapshot's bytes end")
        }
        try admit()
        disk.partial?.bytes += chunk
    }

    func commit(_ metadata: SnapshotMetadata) throws(StoreError) {
        try check()
        guard hasBegun, var partial = disk.partial else { throw .mismatch("nothing was begun") }
        let isThis = partial.metadata.mayEnd(as: metadata)
        partial.metadata = metadata
        guard isThis, partial.metadata.sizeBytes == UInt64(partial.bytes.count),
            partial.metadata.checksum == CRC32C.checksum(partial.bytes)
        else {
            disk.partial = nil
            hasBegun = false
            throw .mismatch("snapshot, length or checksum are not those that were begun")
        }
        try admit()
        disk.partial = nil
        hasBegun = false
        disk.snapshots.removeAll { $0.metadata == partial.metadata }
        let place = disk.snapshots.firstIndex {
            $0.metadata.lastIndex > partial.metadata.lastIndex
        }
        disk.snapshots.insert(partial, at: place ?? disk.snapshots.count)
        if disk.snapshots.count > 2 { disk.snapshots.removeFirst(disk.snapshots.count - 2) }
    }

    func abort() throws(StoreError) {
        try check()
        disk.partial = nil
        hasBegun = false
    }

    func read(
        _ metadata: SnapshotMetadata, from offset: UInt64, bytesMax: Int
    ) throws(StoreError) -> [UInt8] {
        try check()
        guard let found = disk.snapshots.first(where: { $0.metadata == metadata }) else {
            throw .mismatch("no such snapshot")
        }
        guard offset < UInt64(found.bytes.count) else { return [] }
        return Array(found.bytes[Int(offset)...].prefix(max(0, bytesMax)))
    }

    func delete(_ metadata: SnapshotMetadata) throws(StoreError) {
        try check()
        guard disk.snapshots.contains(where: { $0.metadata == metadata }) else { return }
        try admit()
        disk.snapshots.removeAll { $0.metadata == metadata }
    }
}
