// SPDX-License-Identifier: Apache-2.0
import MartletContracts
import MartletSimulation
import MartletStorage
import MartletTransport
import Testing

@Suite("The simulator keeps the contracts") struct ContractTests {
    @Test("Transport", arguments: TransportContract.checks)
    func transport(_ check: TransportContract.Check) throws {
        let world = SimulatedWorld(seed: 1)
        let host = world.makeHost("only")
        try check.run(
            in: TransportContract.World(
                loop: host.loop, streams: host.streams, datagrams: host.datagrams,
                listening: host.address(port: 0), silent: .ipv4(0x0A00_FFFF, port: 1),
                turnUntil: { world.run(until: $0) }))
    }

    @Test("Compression", arguments: CompressionContract.checks)
    func compression(_ check: CompressionContract.Check) throws {
        try check.run(on: SimulatedWorld(seed: 1).makeHost("a").compression)
    }

    @Test("Crypto", arguments: CryptoContract.checks)
    func crypto(_ check: CryptoContract.Check) throws {
        try check.run(on: SimulatedWorld(seed: 1).makeHost("only").crypto)
    }

    @Test("A log keeps what was committed")
    func log() throws { try StoreContract.logKeepsWhatWasCommitted(Disk()) }

    @Test("A log behaves like an array", arguments: [1, 2, 3] as [UInt64])
    func model(seed: UInt64) throws { try StoreContract.logMatchesModel(Disk(), seed: seed) }

    @Test("Metadata is kept")
    func metadata() throws { try StoreContract.metadataIsKept(Disk()) }

    /// The check value of CRC-32C is that of these nine digits.
    @Test("Snapshots are complete or absent")
    func snapshots() throws {
        try StoreContract.snapshotsAreCompleteOrAbsent(
            Disk(), content: Array("123456789".utf8), checksum: 0xE306_9283)
    }

    @Test("A full disk is a refusal")
    func full() throws {
        let factory = Disk()
        factory.host.disk.logBytesMax = 1 << 20
        try StoreContract.fullIsARefusal(factory)
    }

    @Test("A log holds a million entries")
    func million() throws { try StoreContract.logHoldsAMillion(Disk()) }

    private final class Disk: StoreFactory {
        private let world = SimulatedWorld(seed: 1)
        private(set) lazy var host = world.makeHost("only")
        private var last: OpenStores?

        func open() throws -> OpenStores {
            let disk = host.disk
            let stores = OpenStores(
                log: disk.openLogStore(), metadata: disk.openMetadataStore(),
                snapshots: disk.openSnapshotStore())
            last = stores
            return stores
        }

        func reopen() throws -> OpenStores {
            last?.log.close()
            return try open()
        }
    }
}
