// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletStorage
import Synchronization

/// What the in-memory stores write to. It outlives them, so that a store opened again finds what an
/// earlier one wrote; it is gone with the process.
package final class MemoryDisk: Sendable {
    struct Contents {
        var capacityBytes: Int?
        var areWritesFailing = false
        var bounds = LogBounds.empty
        var hardState = HardState.initial
        var commitHint = LogIndex.zero
        var entries: [Entry] = []
        var entryBytes = 0
        var metadata: ServerMetadata?
        var snapshots: [Snapshot] = []
        var partial: Snapshot?

        var usedBytes: Int {
            entryBytes + snapshots.reduce(partial?.content.count ?? 0) { $0 + $1.content.count }
        }

        func checkRoom(for bytes: Int, after freed: Int = 0) throws(StoreError) {
            guard let capacityBytes else { return }
            guard bytes == 0 || usedBytes - freed + bytes <= capacityBytes else {
                throw .full("\(usedBytes) of \(capacityBytes) bytes used, \(bytes) more wanted")
            }
        }
    }

    struct Snapshot {
        var metadata: SnapshotMetadata
        var content: [UInt8]
    }

    let contents: Mutex<Contents>

    /// - Parameter capacityBytes: bytes of payload, with ``MartletRaft/Entry/sizeBytes`` per entry,
    ///   that fit; nil for no bound.
    package init(capacityBytes: Int? = nil) {
        contents = Mutex(Contents(capacityBytes: capacityBytes))
    }

    /// Another disk with the same content: what this one holds now, for a later crash to return to.
    package func copy() -> MemoryDisk {
        let copy = MemoryDisk()
        let now = contents.withLock { $0 }
        copy.contents.withLock { $0 = now }
        return copy
    }

    package func setCapacity(bytes: Int?) { contents.withLock { $0.capacityBytes = bytes } }

    /// From here on writes fail as on a dying disk, or no more.
    package func setWritesFailing(_ areFailing: Bool) {
        contents.withLock { $0.areWritesFailing = areFailing }
    }
}

/// One opening of one store: refuses everything after a failed write, as a real one does.
final class MemorySession: Sendable {
    private let disk: MemoryDisk
    private let failure = Mutex<StoreError?>(nil)

    init(disk: MemoryDisk) { self.disk = disk }

    func read<Result: Sendable>(
        _ body: (MemoryDisk.Contents) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try check()
        return try disk.contents.withLock {
            (contents: inout sending MemoryDisk.Contents) throws(StoreError) -> Result in
            try body(contents)
        }
    }

    /// `body` checks before it changes anything: what throws leaves the disk as it was.
    func write(
        _ body: (inout MemoryDisk.Contents) throws(StoreError) -> Void
    ) throws(StoreError) {
        try check()
        do throws(StoreError) {
            try disk.contents.withLock {
                (contents: inout sending MemoryDisk.Contents) throws(StoreError) in
                guard !contents.areWritesFailing else { throw .broken("the disk fails") }
                try body(&contents)
            }
        } catch {
            if case .broken = error { failure.withLock { $0 = error } }
            throw error
        }
    }

    func close() { failure.withLock { $0 = .broken("the store is closed") } }

    private func check() throws(StoreError) {
        if let failure = failure.withLock({ $0 }) { throw failure }
    }
}
