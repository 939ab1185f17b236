// SPDX-License-Identifier: Apache-2.0
package import MartletRaft
package import MartletStorage
import Synchronization

/// A log on a ``MemoryDisk``.
package final class MemoryLogStore: LogStore {
    private let session: MemorySession
    private let disk: MemoryDisk

    package init(disk: MemoryDisk) {
        self.disk = disk
        session = MemorySession(disk: disk)
    }

    package var bounds: LogBounds { disk.contents.withLock { $0.bounds } }

    package func hardState() throws(StoreError) -> HardState {
        try session.read { (contents) throws(StoreError) in contents.hardState }
    }

    package func commitHint() throws(StoreError) -> LogIndex {
        try session.read { (contents) throws(StoreError) in contents.commitHint }
    }

    package func commit(_ batch: LogBatch) throws(StoreError) {
        try session.write { (contents) throws(StoreError) in
            let next = try contents.bounds.applying(batch)
            let kept = batch.resetTo != nil ? 0 : contents.entries.count
            let cut = min(
                kept,
                Int(clamping: next.lastIndex.number - next.previousIndex.number)
                    - batch.entries.count)
            let freed = contents.entries[cut...].reduce(0) { $0 + $1.sizeBytes }
            let added = batch.entries.reduce(0) { $0 + $1.sizeBytes }
            try contents.checkRoom(for: added, after: freed)

            contents.entries.removeSubrange(cut...)
            contents.entries += batch.entries
            contents.entryBytes += added - freed
            contents.bounds = next
            contents.hardState = batch.hardState ?? contents.hardState
            contents.commitHint = min(batch.commitHint ?? contents.commitHint, next.lastIndex)
        }
    }

    package func read(
        from first: LogIndex, countMax: Int, bytesMax: Int
    ) throws(StoreError) -> [Entry] {
        try session.read { (contents) throws(StoreError) in
            try contents.bounds.checkRead(from: first)
            guard first <= contents.bounds.lastIndex else { return [] }
            let start = Int(first.number - contents.bounds.previousIndex.number) - 1
            var found: [Entry] = []
            var bytes = 0
            for entry in contents.entries[start...].prefix(max(0, countMax)) {
                bytes += entry.payload.count
                guard found.isEmpty || bytes <= bytesMax else { break }
                found.append(entry)
            }
            return found
        }
    }

    package func compact(through index: LogIndex, term: Term) throws(StoreError) {
        try session.write { (contents) throws(StoreError) in
            guard try contents.bounds.isShortened(byCompactionThrough: index) else { return }
            let count = Int(index.number - contents.bounds.previousIndex.number)
            guard contents.entries[count - 1].term == term else {
                throw .mismatch("\(index) is not of \(term)")
            }
            contents.entryBytes -= contents.entries[..<count].reduce(0) { $0 + $1.sizeBytes }
            contents.entries.removeFirst(count)
            contents.bounds.previousIndex = index
            contents.bounds.previousTerm = term
        }
    }

    package func close() { session.close() }
}

/// A server's record on a ``MemoryDisk``.
package final class MemoryMetadataStore: MetadataStore {
    private let session: MemorySession

    package init(disk: MemoryDisk) { session = MemorySession(disk: disk) }

    package func load() throws(StoreError) -> ServerMetadata? {
        try session.read { (contents) throws(StoreError) in contents.metadata }
    }

    package func save(_ metadata: ServerMetadata) throws(StoreError) {
        try session.write { (contents) throws(StoreError) in contents.metadata = metadata }
    }
}
