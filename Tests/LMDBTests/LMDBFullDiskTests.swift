// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletContracts
import MartletLMDB
import MartletRaft
import MartletStorage
import Testing

/// A real file system of this size, in memory. Mounting one takes root: without, these tests are
/// skipped.
final class SmallDisk {
    let path: String

    static let isPossible: Bool = {
        do {
            _ = try SmallDisk(bytes: 1 << 20)
            return true
        } catch {
            return false
        }
    }()

    struct MountRefused: Error {}

    init(bytes: Int) throws {
        var template = Array("/tmp/martlet-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw MountRefused() }
        path = String(decoding: template.dropLast().map { UInt8($0) }, as: UTF8.self)
        guard unsafe mount("tmpfs", path, "tmpfs", 0, "size=\(bytes)") == 0 else {
            _ = unsafe rmdir(path)
            throw MountRefused()
        }
    }

    deinit {
        _ = unsafe umount2(path, Int32(MNT_DETACH))
        _ = unsafe rmdir(path)
    }
}

@Suite("LMDB on a disk that is full", .enabled(if: SmallDisk.isPossible), .serialized)
struct LMDBFullDiskTests {
    /// Appends until there is no space; returns how many entries there are.
    private func fill(_ log: LMDBLogStore, from start: UInt64 = 1, bytes: Int) throws -> UInt64 {
        var next = start
        while true {
            do throws(StoreError) {
                try log.commit(LogBatch(entries: StoreContract.entries(next...next, bytes: bytes)))
            } catch {
                guard case .full = error else { throw error }
                return next - 1
            }
            next += 1
        }
    }

    @Test("A log is shortened on a full disk, and takes entries again", arguments: [700, 9000])
    func compaction(bytes: Int) throws {
        let disk = try SmallDisk(bytes: 4 << 20)
        let storage = try LMDBStorage.open(directory: disk.path)
        defer { storage.close() }
        var last = try fill(storage.log, bytes: bytes)
        for round in 1...3 {
            try storage.log.compact(through: LogIndex(last - 5), term: Term(1))
            let next = try fill(storage.log, from: last + 1, bytes: bytes)
            #expect(next > last + 5, "round \(round)")
            last = next
        }
    }

    @Test("Term and vote are written on a full disk, and a tail is dropped")
    func vote() throws {
        let disk = try SmallDisk(bytes: 4 << 20)
        let storage = try LMDBStorage.open(directory: disk.path)
        defer { storage.close() }
        let last = try fill(storage.log, bytes: 2000)
        for term in 2...40 as ClosedRange<UInt64> {
            try storage.log.commit(LogBatch(hardState: HardState(term: Term(term), vote: nil)))
        }
        try storage.log.commit(LogBatch(truncateAfter: LogIndex(last / 2)))
        #expect(storage.log.bounds.lastIndex == LogIndex(last / 2))
    }

    @Test("What was refused is there once there is space, also after an opening on a full disk")
    func reopening() throws {
        let disk = try SmallDisk(bytes: 4 << 20)
        var storage = try LMDBStorage.open(directory: disk.path)
        let last = try fill(storage.log, bytes: 500)
        storage.close()
        storage = try LMDBStorage.open(directory: disk.path)
        defer { storage.close() }
        #expect(storage.log.bounds.lastIndex == LogIndex(last))
        try storage.log.compact(through: LogIndex(last), term: Term(1))
        try storage.log.commit(LogBatch(entries: StoreContract.entries(last + 1...last + 9)))
    }
}
