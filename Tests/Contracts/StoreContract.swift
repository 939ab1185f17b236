// SPDX-License-Identifier: Apache-2.0
public import MartletRaft
public import MartletStorage
import Testing

/// The stores of one disk, opened together.
public struct OpenStores {
    public var log: any LogStore
    public var metadata: any MetadataStore
    public var snapshots: any SnapshotStore

    public init(
        log: any LogStore, metadata: any MetadataStore, snapshots: any SnapshotStore
    ) {
        self.log = log
        self.metadata = metadata
        self.snapshots = snapshots
    }
}

/// A disk that a test owns, new when it is made.
public protocol StoreFactory: AnyObject {
    func open() throws -> OpenStores
    /// Closes what was opened last, and opens what the disk holds.
    func reopen() throws -> OpenStores
}

/// What every store must do. Call each from a test of the store's own.
public enum StoreContract {
    /// Commands with these indexes, each with so many bytes of its own index.
    public static func entries(
        _ indexes: ClosedRange<UInt64>, term: UInt64 = 1, bytes: Int = 16
    ) -> [Entry] {
        indexes.map {
            Entry(
                index: LogIndex($0), term: Term(term), kind: .command,
                payload: [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: bytes))
        }
    }

    /// Batches, truncation, compaction and a reset are there when the disk is opened again; what does not fit is
    /// refused and changes nothing.
    public static func logKeepsWhatWasCommitted(_ factory: some StoreFactory) throws {
        var stores = try factory.open()
        #expect(stores.log.bounds == .empty)
        #expect(try stores.log.hardState() == .initial)
        let state = HardState(term: Term(3), vote: ServerID(high: 1, low: 2))
        try stores.log.commit(
            LogBatch(hardState: state, entries: entries(1...10), commitHint: LogIndex(99)))
        stores = try factory.reopen()
        #expect(try stores.log.hardState() == state)
        #expect(try stores.log.commitHint() == LogIndex(10))
        #expect(try read(stores.log) == entries(1...10))
        #expect(
            try stores.log.read(from: LogIndex(2), countMax: 9, bytesMax: 40)
                == entries(2...3))
        #expect(
            try stores.log.read(from: LogIndex(2), countMax: 9, bytesMax: 0) == entries(2...2))
        #expect(try stores.log.read(from: LogIndex(11), countMax: 9, bytesMax: 9) == [])

        try stores.log.commit(
            LogBatch(truncateAfter: LogIndex(4), entries: entries(5...6, term: 4)))
        stores = try factory.reopen()
        #expect(try read(stores.log) == entries(1...4) + entries(5...6, term: 4))
        #expect(try stores.log.commitHint() == LogIndex(6))

        #expect(throws: StoreError.self, "entries that leave a gap are refused") {
            try stores.log.commit(LogBatch(hardState: .initial, entries: entries(8...9)))
        }
        #expect(try stores.log.hardState() == state, "of a refused batch nothing is written")

        try stores.log.compact(through: LogIndex(3), term: Term(1))
        stores = try factory.reopen()
        #expect(stores.log.bounds.previousIndex == LogIndex(3))
        #expect(stores.log.bounds.previousTerm == Term(1))
        #expect(try read(stores.log) == entries(4...4) + entries(5...6, term: 4))
        #expect(throws: StoreError.self, "what is forgotten cannot be read") {
            try stores.log.read(from: LogIndex(3), countMax: 1, bytesMax: 1)
        }
        #expect(throws: StoreError.self, "what is not there cannot be forgotten") {
            try stores.log.compact(through: LogIndex(7), term: Term(4))
        }

        let point = LogBatch.ResetPoint(index: LogIndex(100), term: Term(5))
        try stores.log.commit(LogBatch(resetTo: point, entries: entries(101...102, term: 5)))
        stores = try factory.reopen()
        #expect(stores.log.bounds.previousIndex == LogIndex(100))
        #expect(try read(stores.log) == entries(101...102, term: 5))
    }

    /// Random operations, against an array.
    public static func logMatchesModel(_ factory: some StoreFactory, seed: UInt64) throws {
        var stores = try factory.open()
        var generator = seed
        func random(_ bound: UInt64) -> UInt64 {
            generator = generator &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (generator >> 33) % bound
        }
        var model: [Entry] = []
        var previous: UInt64 = 0
        for step in 1...200 as ClosedRange<UInt64> {
            let last = previous + UInt64(model.count)
            switch random(8) {
            case 0 where !model.isEmpty:
                let kept = random(UInt64(model.count))
                try stores.log.commit(LogBatch(truncateAfter: LogIndex(previous + kept)))
                model.removeSubrange(Int(kept)...)
            case 1 where !model.isEmpty:
                let count = random(UInt64(model.count)) + 1
                let entry = model[Int(count) - 1]
                try stores.log.compact(through: entry.index, term: entry.term)
                model.removeFirst(Int(count))
                previous += count
            case 2:
                stores = try factory.reopen()
            default:
                let new = entries(
                    last + 1...last + 1 + random(20), term: step, bytes: Int(random(3000)))
                try stores.log.commit(LogBatch(entries: new))
                model += new
            }
            #expect(stores.log.bounds.previousIndex == LogIndex(previous))
            #expect(stores.log.bounds.count == UInt64(model.count))
        }
        #expect(try read(stores.log) == model)
    }

    /// The record that was saved last is there when the disk is opened again, with each of its fields.
    public static func metadataIsKept(_ factory: some StoreFactory) throws {
        let id = ServerID(high: 7, low: 8)
        var metadata = ServerMetadata(serverID: id, clusterID: id, recoveryEpoch: 4)
        metadata.founding = ServerMetadata.Founding(
            proposer: id, clusterID: id,
            configuration: Configuration(servers: [
                Configuration.Server(id: id, address: "a:1", role: .voter)
            ]))
        metadata.isRecovering = true
        var stores = try factory.open()
        #expect(try stores.metadata.load() == nil)
        for others in [0, 6, nil] as [Int?] {
            metadata.otherVoters = others
            try stores.metadata.save(metadata)
            stores = try factory.reopen()
            #expect(try stores.metadata.load() == metadata)
        }
        let plain = ServerMetadata(serverID: id)
        try stores.metadata.save(plain)
        #expect(try factory.reopen().metadata.load() == plain)
    }

    /// A snapshot is listed once it is whole and verified, and not before; one that was begun goes on where it
    /// ended; two are kept.
    ///
    /// - Parameters:
    ///   - content: see ``StoreSnapshotContent/bytes``.
    ///   - checksum: of `content`, CRC-32C.
    public static func snapshotsAreCompleteOrAbsent(
        _ factory: some StoreFactory, content: [UInt8], checksum: UInt32
    ) throws {
        func metadata(_ index: UInt64, _ checksum: UInt32) -> SnapshotMetadata {
            SnapshotMetadata(
                lastIndex: LogIndex(index), lastTerm: Term(1), configuration: .empty,
                configurationIndex: .zero, sizeBytes: UInt64(content.count), checksum: checksum)
        }
        var stores = try factory.open()
        let half = content.count / 2
        for index in 1...3 as ClosedRange<UInt64> {
            let this = metadata(index, checksum)
            try stores.snapshots.begin(this)
            try stores.snapshots.write(Array(content[..<half]), at: 0)
            stores = try factory.reopen()
            #expect(try stores.snapshots.partialBytes(of: this) == UInt64(half))
            #expect(try !stores.snapshots.list().contains(this))
            try stores.snapshots.begin(this)
            #expect(throws: StoreError.self, "bytes follow those that are there") {
                try stores.snapshots.write([1], at: 0)
            }
            try stores.snapshots.write(Array(content[half...]), at: UInt64(half))
            try stores.snapshots.commit(this)
        }
        var kept = [metadata(2, checksum), metadata(3, checksum)]
        #expect(try stores.snapshots.list() == kept)

        // One that is being made begins anew each time.
        let made = metadata(4, checksum)
        for part in [content[..<half], content[...]] {
            try stores.snapshots.begin(made.unmeasured)
            try stores.snapshots.write(Array(part), at: 0)
        }
        try stores.snapshots.commit(made)
        kept = [metadata(3, checksum), made]
        #expect(try stores.snapshots.list() == kept)

        // What a snapshot is begun with is what it ends with, but for what was not known.
        for (begun, ended) in [
            (metadata(5, ~checksum), metadata(5, ~checksum)),
            (metadata(5, checksum).unmeasured, metadata(5, ~checksum)),
            (metadata(5, checksum), metadata(6, checksum)),
            (metadata(5, checksum).unmeasured, metadata(6, checksum)),
        ] {
            try stores.snapshots.begin(begun)
            try stores.snapshots.write(content, at: 0)
            #expect(throws: StoreError.self, "it ends as what it was begun, with its checksum") {
                try stores.snapshots.commit(ended)
            }
            #expect(try stores.snapshots.partialBytes(of: begun) == 0, "a wrong one is dropped")
        }
        try stores.snapshots.begin(metadata(5, checksum))
        try stores.snapshots.abort()
        #expect(throws: StoreError.self, "what was given up does not end") {
            try stores.snapshots.commit(metadata(5, checksum))
        }

        stores = try factory.reopen()
        #expect(try stores.snapshots.list() == kept)
        var found: [UInt8] = []
        while true {
            let page = try stores.snapshots.read(
                kept[1], from: UInt64(found.count), bytesMax: 50_000)
            if page.isEmpty { break }
            found += page
        }
        #expect(found == content)
        try stores.snapshots.delete(kept[0])
        #expect(try stores.snapshots.list() == [kept[1]])
    }

    /// A full disk refuses a batch and keeps all before it; once there is room, it goes on.
    ///
    /// - Parameter factory: of a disk that holds less than 64 MiB.
    public static func fullIsARefusal(_ factory: some StoreFactory) throws {
        let stores = try factory.open()
        var last: UInt64 = 0
        var refusal: StoreError?
        while refusal == nil, last < 16_384 {
            do throws(StoreError) {
                let new = entries(last + 1...last + 16, bytes: 4096)
                try stores.log.commit(LogBatch(entries: new))
                last += 16
            } catch {
                refusal = error
            }
        }
        guard case .full = refusal else {
            Issue.record("\(String(describing: refusal)) instead of full")
            return
        }
        #expect(stores.log.bounds.lastIndex == LogIndex(last))
        try stores.log.compact(through: LogIndex(last), term: Term(1))
        try stores.log.commit(LogBatch(entries: entries(last + 1...last + 16, bytes: 4096)))
        #expect(try read(factory.reopen().log) == entries(last + 1...last + 16, bytes: 4096))
    }

    /// More entries than a store forgets at once, opened again in between.
    public static func logCompactsInSteps(_ factory: some StoreFactory) throws {
        var log = try factory.open().log
        for start in stride(from: 1, through: 20_001, by: 5000) as StrideThrough<UInt64> {
            let term = start / 5000 + 1
            try log.commit(LogBatch(entries: entries(start...start + 4999, term: term)))
        }
        for (index, term) in [(10_000, 2), (12_345, 3), (24_999, 5)] as [(UInt64, UInt64)] {
            #expect(throws: StoreError.self, "an entry of another term is not forgotten") {
                try log.compact(through: LogIndex(index), term: Term(term + 1))
            }
            try log.compact(through: LogIndex(index), term: Term(term))
            log = try factory.reopen().log
            let expected = LogBounds(
                previousIndex: LogIndex(index), previousTerm: Term(term),
                lastIndex: LogIndex(25_000))
            #expect(log.bounds == expected)
            let found = try log.read(from: LogIndex(index + 1), countMax: 1, bytesMax: 1)
            #expect(found.map(\.index) == [LogIndex(index + 1)])
        }
        try log.compact(through: LogIndex(25_000), term: Term(5))
        try log.commit(LogBatch(entries: entries(25_001...25_002, term: 6)))
        #expect(try read(factory.reopen().log) == entries(25_001...25_002, term: 6))
    }

    /// A million entries, written in batches and read in pages.
    public static func logHoldsAMillion(_ factory: some StoreFactory) throws {
        let stores = try factory.open()
        for start in stride(from: 1, to: 1_000_000, by: 20_000) as StrideTo<UInt64> {
            try stores.log.commit(LogBatch(entries: entries(start...start + 19_999)))
        }
        #expect(stores.log.bounds.count == 1_000_000)
        var count: UInt64 = 0
        while count < 1_000_000 {
            let page = try stores.log.read(
                from: LogIndex(count + 1), countMax: 10_000, bytesMax: 1 << 20)
            guard page.last?.index == LogIndex(count + UInt64(page.count)), !page.isEmpty else {
                Issue.record("a gap after \(count)")
                return
            }
            count += UInt64(page.count)
        }
    }

    /// Everything that is there.
    public static func read(_ log: any LogStore) throws -> [Entry] {
        var found: [Entry] = []
        while true {
            let next = LogIndex(log.bounds.previousIndex.number + UInt64(found.count) + 1)
            let page = try log.read(from: next, countMax: 1000, bytesMax: 1 << 20)
            if page.isEmpty { return found }
            found += page
        }
    }
}
