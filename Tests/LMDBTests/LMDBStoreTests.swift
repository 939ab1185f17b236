// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletContracts
import MartletLMDB
import MartletRaft
import MartletStorage
import Testing

/// A folder of its own, removed with the object.
final class LMDBFactory: StoreFactory {
    let directory: String
    var options = LMDBStorage.Options()
    private var storage: LMDBStorage?

    init() throws {
        var template = Array("/tmp/martlet-XXXXXX".utf8CString)
        let made = unsafe mkdtemp(&template) != nil
        try #require(made)
        directory = String(decoding: template.dropLast().map { UInt8($0) }, as: UTF8.self)
    }

    deinit {
        storage?.close()
        for folder in ["log", "snapshots"] {
            for file in ["data.mdb", "lock.mdb"] {
                _ = unsafe unlink("\(directory)/\(folder)/\(file)")
            }
            _ = unsafe rmdir("\(directory)/\(folder)")
        }
        _ = unsafe rmdir(directory)
    }

    func open() throws -> OpenStores {
        let storage = try LMDBStorage.open(directory: directory, options: options)
        self.storage = storage
        return OpenStores(
            log: storage.log, metadata: storage.metadata, snapshots: storage.snapshots)
    }

    func reopen() throws -> OpenStores {
        close()
        return try open()
    }

    func close() {
        storage?.close()
        storage = nil
    }

    var logFile: [UInt8] {
        get throws { try file("log/data.mdb", O_RDONLY, []) }
    }

    func setLogFile(_ bytes: [UInt8]) throws {
        _ = try file("log/data.mdb", O_WRONLY | O_CREAT | O_TRUNC, bytes)
    }

    private func file(_ name: String, _ flags: Int32, _ bytes: [UInt8]) throws -> [UInt8] {
        let descriptor = unsafe Glibc.open("\(directory)/\(name)", flags, 0o600)
        try #require(descriptor >= 0)
        defer { _ = Glibc.close(descriptor) }
        if flags & O_WRONLY != 0 {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            try #require(count == bytes.count)
            return []
        }
        var found = [UInt8](repeating: 0, count: Int(lseek(descriptor, 0, SEEK_END)))
        let size = found.count
        let count = unsafe found.withUnsafeMutableBytes {
            unsafe pread(descriptor, $0.baseAddress, size, 0)
        }
        try #require(count == size)
        return found
    }
}

@Suite("Stores in LMDB", .serialized) struct LMDBStoreTests {
    @Test("A log keeps what was committed")
    func log() throws { try StoreContract.logKeepsWhatWasCommitted(LMDBFactory()) }

    @Test("A log behaves like an array", arguments: 1...3 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        try StoreContract.logMatchesModel(LMDBFactory(), seed: seed)
    }

    @Test("A log holds a million entries")
    func million() throws { try StoreContract.logHoldsAMillion(LMDBFactory()) }

    @Test("A server's record is kept")
    func metadata() throws { try StoreContract.metadataIsKept(LMDBFactory()) }

    @Test("Snapshots are complete or absent")
    func snapshots() throws {
        try StoreContract.snapshotsAreCompleteOrAbsent(
            LMDBFactory(), content: Array("123456789".utf8), checksum: 0xE306_9283)
    }

    @Test("A full map refuses, and serves again once there is space; a small one grows first")
    func full() throws {
        let factory = try LMDBFactory()
        factory.options.mapBytes = 64 << 10
        factory.options.mapBytesMax = 2 << 20
        try StoreContract.fullIsARefusal(factory)
    }

    @Test("A second opening is refused")
    func locked() throws {
        let factory = try LMDBFactory()
        _ = try factory.open()
        #expect(throws: StoreError.locked("\(factory.directory)/log")) {
            _ = try LMDBStorage.open(directory: factory.directory)
        }
    }

    @Test("What a crash leaves of the first moments opens as new", arguments: [0, 1, 4096, 8191])
    func halfMade(bytes: Int) throws {
        let factory = try LMDBFactory()
        _ = try factory.open()
        factory.close()
        try factory.setLogFile([UInt8](repeating: 0, count: bytes))
        #expect(try factory.open().log.bounds == .empty)
    }

    @Test("The file after each commit opens to what was committed until then")
    func prefixes() throws {
        let factory = try LMDBFactory()
        let log = try factory.open().log
        var files: [[UInt8]] = []
        for index in 1...10 as ClosedRange<UInt64> {
            try log.commit(LogBatch(entries: StoreContract.entries(index...index, bytes: 3000)))
            files.append(try factory.logFile)
        }
        for (count, file) in files.enumerated() {
            factory.close()
            try factory.setLogFile(file)
            let found = try StoreContract.read(factory.open().log)
            #expect(found == StoreContract.entries(1...UInt64(count + 1), bytes: 3000))
        }
    }

    @Test("Flipped bits, zeroed pages and torn tails give an error or what was written")
    func damage() throws {
        let factory = try LMDBFactory()
        let log = try factory.open().log
        let written = StoreContract.entries(1...60, bytes: 700)
        try log.commit(LogBatch(entries: written))
        try log.compact(through: LogIndex(20), term: Term(1))
        try log.commit(LogBatch(hardState: HardState(term: Term(2), vote: nil)))
        factory.close()
        let sound = try factory.logFile
        var generator: UInt64 = 42
        for round in 0..<300 {
            generator = generator &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var bytes = sound
            let place = Int(generator >> 33) % bytes.count
            switch round % 10 {
            case 0: bytes.removeSubrange(place...)
            case 1:
                let start = place & ~4095
                bytes.replaceSubrange(
                    start..<start + 4096, with: [UInt8](repeating: 0, count: 4096))
            default: bytes[round % 3 == 0 ? place % 20_000 : place] ^= 1 << UInt8(round % 8)
            }
            try factory.setLogFile(bytes)
            do {
                let storage = try LMDBStorage.open(directory: factory.directory)
                defer { storage.close() }
                let found = try StoreContract.read(storage.log)
                #expect(found == Array(written[20...]), "round \(round), byte \(place)")
            } catch StoreError.corrupt {
                continue
            }
        }
    }
}
