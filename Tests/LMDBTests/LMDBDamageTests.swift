// SPDX-License-Identifier: Apache-2.0
import MartletContracts
import MartletLMDB
import MartletRaft
import MartletStorage
import Testing

/// Bytes that changed on disk.
@Suite("Damage to LMDB's files") struct LMDBDamageTests {
    static let page = LMDBFactory.pageBytes
    static let logFile = "log/data.mdb"

    @Test("The file after each commit opens to what was committed until then")
    func prefixes() throws {
        let factory = try LMDBFactory()
        let log = try factory.open().log
        var files: [[UInt8]] = []
        for index in 1...10 as ClosedRange<UInt64> {
            try log.commit(LogBatch(entries: StoreContract.entries(index...index, bytes: 3000)))
            files.append(try factory.file(Self.logFile))
        }
        for (count, file) in files.enumerated() {
            factory.close()
            try factory.setFile(Self.logFile, file)
            let found = try StoreContract.read(factory.open().log)
            #expect(found == StoreContract.entries(1...UInt64(count + 1), bytes: 3000))
        }
    }

    /// Flips bits, zeroes pages and cuts tails.
    private func damaged(_ sound: [UInt8], round: Int, _ generator: inout UInt64) -> [UInt8] {
        generator = generator &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var bytes = sound
        let place = Int(generator >> 33) % bytes.count
        switch round % 10 {
        case 0: bytes.removeSubrange(place...)
        case 1:
            let start = place & ~(Self.page - 1)
            bytes.replaceSubrange(
                start..<start + Self.page, with: [UInt8](repeating: 0, count: Self.page))
        default: bytes[round % 3 == 0 ? place % 20_000 : place] ^= 1 << UInt8(round % 8)
        }
        return bytes
    }

    @Test("Damage to the log gives an error or what was written")
    func log() throws {
        let factory = try LMDBFactory()
        let log = try factory.open().log
        let written = StoreContract.entries(1...60, bytes: 700)
        try log.commit(LogBatch(entries: written))
        try log.compact(through: LogIndex(20), term: Term(1))
        try log.commit(LogBatch(hardState: HardState(term: Term(2), vote: nil)))
        factory.close()
        let sound = try factory.file(Self.logFile)
        var generator: UInt64 = 42
        for round in 0..<300 {
            try factory.setFile(Self.logFile, damaged(sound, round: round, &generator))
            do {
                let storage = try LMDBStorage.open(directory: factory.directory)
                defer { storage.close() }
                #expect(try StoreContract.read(storage.log) == Array(written[20...]), "\(round)")
                #expect(try storage.log.hardState().term == Term(2))
            } catch StoreError.corrupt {
                continue
            }
        }
    }

    @Test("Damage to snapshots gives an error or what was written")
    func snapshots() throws {
        let factory = try LMDBFactory()
        let snapshots = try factory.open().snapshots
        let content = StoreSnapshotContent.bytes
        let metadata = StoreSnapshotContent.metadata
        try snapshots.begin(metadata)
        try snapshots.write(content, at: 0)
        try snapshots.commit(metadata)
        factory.close()
        let name = "snapshots/data.mdb"
        let sound = try factory.file(name)
        var generator: UInt64 = 43
        for round in 0..<100 {
            try factory.setFile(name, damaged(sound, round: round, &generator))
            do {
                let storage = try LMDBStorage.open(directory: factory.directory)
                defer { storage.close() }
                #expect(try storage.snapshots.list() == [metadata])
                let found = try storage.snapshots.read(
                    metadata, from: 0, bytesMax: content.count)
                #expect(found == content, "\(round)")
            } catch StoreError.corrupt {
                continue
            }
        }
    }

    /// All that a server has, as the stores give it back.
    private struct Content: Equatable {
        var entries: [Entry]
        var hardState: HardState
        var server: ServerMetadata?
        var snapshots: [SnapshotMetadata]
        var bytes: [UInt8]

        init(_ stores: LMDBStorage) throws {
            entries = try StoreContract.read(stores.log)
            hardState = try stores.log.hardState()
            server = try stores.metadata.load()
            snapshots = try stores.snapshots.list()
            bytes = []
            guard let newest = snapshots.last else { return }
            bytes = try stores.snapshots.read(newest, from: 0, bytesMax: 1 << 20)
        }
    }

    @Test("One bit anywhere is damage or changes nothing: no other error, no other answer")
    func oneBit() throws {
        let factory = try LMDBFactory()
        let id = ServerID(high: 1, low: 2)
        let stores = try factory.open()
        try stores.metadata.save(ServerMetadata(serverID: id, clusterID: id, otherVoters: 2))
        try stores.log.commit(
            LogBatch(
                hardState: HardState(term: Term(3), vote: id),
                entries: StoreContract.entries(1...60, bytes: 700)))
        try stores.snapshots.begin(StoreSnapshotContent.metadata)
        try stores.snapshots.write(Array(StoreSnapshotContent.bytes), at: 0)
        try stores.snapshots.commit(StoreSnapshotContent.metadata)
        factory.close()
        let names = LMDBFactory.files + ["FORMAT"]
        let sound = try names.map { try factory.file($0) }
        let intact = try LMDBStorage.open(directory: factory.directory)
        let written = try Content(intact)
        intact.close()
        var generator: UInt64 = 44
        var found = 0
        for round in 0..<400 {
            generator = generator &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let file = round % names.count
            var bytes = sound[file]
            bytes[Int(generator >> 33) % bytes.count] ^= 1 << UInt8(generator >> 30 & 7)
            try factory.setFile(names[file], bytes)
            do {
                let storage = try LMDBStorage.open(directory: factory.directory)
                defer { storage.close() }
                #expect(try Content(storage) == written, "round \(round) in \(names[file])")
            } catch StoreError.corrupt {
                found += 1
            }
            try factory.setFile(names[file], sound[file])
        }
        #expect(found > 150, "only \(found) of 400 were noticed")
    }

    /// Files before and after the last commit of a log, each with its two meta pages.
    private func twoFiles(_ factory: LMDBFactory) throws -> (before: [UInt8], after: [UInt8]) {
        let log = try factory.open().log
        try log.commit(LogBatch(entries: StoreContract.entries(1...20, bytes: 700)))
        let before = try factory.file(Self.logFile)
        try log.commit(LogBatch(entries: StoreContract.entries(21...40, bytes: 700)))
        let after = try factory.file(Self.logFile)
        factory.close()
        return (before, after)
    }

    private func newestMeta(_ file: [UInt8]) -> Int {
        func number(_ page: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(file[page * Self.page + 144 + $1]) << UInt64(8 * $1) }
        }
        return number(1) > number(0) ? 1 : 0
    }

    @Test("A commit whose meta page was never written did not happen")
    func unfinishedCommit() throws {
        let factory = try LMDBFactory()
        let (before, after) = try twoFiles(factory)
        var file = after
        file.replaceSubrange(..<(2 * Self.page), with: before[..<(2 * Self.page)])
        try factory.setFile(Self.logFile, file)
        let found = try StoreContract.read(factory.open().log)
        #expect(found == StoreContract.entries(1...20, bytes: 700))
    }

    @Test("A newest meta page that is no meta page is damage: no silent return to the older one")
    func lostMeta() throws {
        let factory = try LMDBFactory()
        let (_, after) = try twoFiles(factory)
        let start = newestMeta(after) * Self.page
        for range in [
            start..<start + Self.page, start + 16..<start + 24, start + 144..<start + 152,
        ] {
            var file = after
            file.replaceSubrange(range, with: [UInt8](repeating: 0, count: range.count))
            try factory.setFile(Self.logFile, file)
            let error = #expect(throws: StoreError.self) { _ = try factory.open() }
            guard case .corrupt = error else {
                Issue.record("\(String(describing: error)) for \(range)")
                return
            }
        }
    }

    @Test("A newest meta page that refers to an older transaction's trees is damage")
    func mixedMeta() throws {
        let factory = try LMDBFactory()
        let (_, after) = try twoFiles(factory)
        let newest = newestMeta(after) * Self.page
        let older = Self.page - newest
        var file = after
        // All but its page number and its transaction number.
        file.replaceSubrange(newest + 16..<newest + 144, with: after[older + 16..<older + 144])
        try factory.setFile(Self.logFile, file)
        let error = #expect(throws: StoreError.self) { _ = try factory.open() }
        guard case .corrupt = error else {
            Issue.record("\(String(describing: error)) instead of corrupt")
            return
        }
    }
}
