// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletRaft
import MartletSimulation
import MartletState
import MartletStorage
import Testing

@testable import MartletServer

@Suite("Snapshots of the state on their way to the disk") struct SnapshotFileTests {
    private static let position = SnapshotPosition(
        lastIndex: LogIndex(9), lastTerm: Term(2), configuration: Configuration(servers: []),
        configurationIndex: LogIndex(1))
    private let store = SimulatedWorld(seed: 1).makeHost("s1").disk.openSnapshotStore()

    /// Of more than eight pieces.
    private static var state: State {
        var state = State()
        let rules = String(repeating: "x", count: 60_000)
        for number in 0..<40 as Range<UInt64> {
            let policy = ACLPolicy(name: "p\(number)", description: "", rules: rules)
            _ = state.apply(Command.acl(.upsertPolicies([policy])).encoded(), at: number + 1)
        }
        return state
    }

    /// Counts pieces, and does something before a given one.
    // SAFETY: guarded by being used on one test's thread alone.
    private final class Watched: SnapshotStore, @unchecked Sendable {
        let base: any SnapshotStore
        let piece: Int
        let act: @Sendable () throws(StoreError) -> Void
        private(set) var pieces = 0
        private(set) var begun: SnapshotMetadata?

        init(
            _ base: any SnapshotStore, before piece: Int,
            _ act: @escaping @Sendable () throws(StoreError) -> Void
        ) {
            (self.base, self.piece, self.act) = (base, piece, act)
        }

        func list() throws(StoreError) -> [SnapshotMetadata] { try base.list() }
        func partialBytes(of metadata: SnapshotMetadata) throws(StoreError) -> UInt64 {
            try base.partialBytes(of: metadata)
        }
        func begin(_ metadata: SnapshotMetadata) throws(StoreError) {
            begun = metadata
            try base.begin(metadata)
        }
        func write(_ chunk: [UInt8], at offset: UInt64) throws(StoreError) {
            pieces += 1
            if pieces == piece { try act() }
            try base.write(chunk, at: offset)
        }
        func commit(_ metadata: SnapshotMetadata) throws(StoreError) { try base.commit(metadata) }
        func abort() throws(StoreError) { try base.abort() }
        func read(_ metadata: SnapshotMetadata, from offset: UInt64, bytesMax: Int)
            throws(StoreError) -> [UInt8]
        {
            try base.read(metadata, from: offset, bytesMax: bytesMax)
        }
        func delete(_ metadata: SnapshotMetadata) throws(StoreError) { try base.delete(metadata) }
    }

    @Test("What is written is what is read, and its metadata are those of the whole")
    func whole() throws {
        let state = Self.state
        let metadata = try SnapshotFile.write(state, at: Self.position, to: store).get()
        #expect(metadata.isMeasured && metadata.sizeBytes == UInt64(state.encoded().count))
        #expect(try store.list() == [metadata])
        #expect(try SnapshotFile.read(metadata, from: store).encoded() == state.encoded())
    }

    @Test("A server that stops gives a snapshot up between two pieces, and nothing is left of it")
    func halted() throws {
        let halt = Halt()
        let watched = Watched(store, before: 2) { halt.set() }
        let result = SnapshotFile.write(Self.state, at: Self.position, to: watched, unless: halt)
        #expect(throws: StoreError.self) { try result.get() }
        #expect(watched.pieces == 2)
        let begun = try #require(watched.begun)
        #expect(try store.list().isEmpty && store.partialBytes(of: begun) == 0)
    }

    @Test("A disk that is full gets back what a snapshot took of it")
    func full() throws {
        let watched = Watched(store, before: 3) { () throws(StoreError) in throw .full("no room") }
        let result = SnapshotFile.write(Self.state, at: Self.position, to: watched)
        #expect(throws: StoreError.full("no room")) { try result.get() }
        let begun = try #require(watched.begun)
        #expect(try store.list().isEmpty && store.partialBytes(of: begun) == 0)
    }
}
