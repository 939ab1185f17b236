// SPDX-License-Identifier: Apache-2.0
import MartletContracts
import MartletLMDB
import MartletRaft
import MartletStorage
import Testing

/// What is lost is noticed, and what was never there is not taken for a loss.
@Suite("Loss of LMDB's files") struct LMDBLossTests {
    static let page = LMDBFactory.pageBytes

    enum Cut: CaseIterable {
        case removed, emptied, oneByte, onePage, almostTwoPages, twoFreshPages, zeroed, zeroedMeta

        /// - Parameter fresh: the meta pages of an environment without a commit.
        func applied(to file: [UInt8], fresh: [UInt8]) -> [UInt8]? {
            switch self {
            case .removed: nil
            case .emptied: []
            case .oneByte: Array(file[..<1])
            case .onePage: Array(file[..<page])
            case .almostTwoPages: Array(file[..<(2 * page - 1)])
            case .twoFreshPages: fresh
            case .zeroed: [UInt8](repeating: 0, count: file.count)
            case .zeroedMeta:
                [UInt8](repeating: 0, count: 2 * page) + file[(2 * page)...]
            }
        }
    }

    /// The first meta page of a store that was committed to once is still as it was made.
    private func fresh(_ file: [UInt8]) -> [UInt8] {
        var second = Array(file[..<Self.page])
        second[0] = 1
        return file[..<Self.page] + second
    }

    @Test(
        "A file that lost its content is damage, and stays so",
        arguments: LMDBFactory.files, Cut.allCases)
    func loss(name: String, cut: Cut) throws {
        let factory = try LMDBFactory()
        _ = try factory.open()
        factory.close()
        let unborn = fresh(try factory.file(name))
        let log = try factory.open().log
        try log.commit(LogBatch(entries: StoreContract.entries(1...5)))
        factory.close()
        try factory.setFile(name, cut.applied(to: factory.file(name), fresh: unborn))
        for _ in 1...2 {
            let error = #expect(throws: StoreError.self) { _ = try factory.open() }
            guard case .corrupt(let detail) = error else {
                Issue.record("\(String(describing: error)) instead of corrupt")
                return
            }
            #expect(detail.contains(name))
        }
    }

    @Test("A crash at any moment of the first start leaves what opens as new")
    func firstStart() throws {
        let whole = try LMDBFactory()
        _ = try whole.open()
        whole.close()
        let marker = try whole.file("FORMAT")
        let log = try whole.file("log/data.mdb")
        let snapshots = try whole.file("snapshots/data.mdb")
        typealias State = (log: [UInt8]?, snapshots: [UInt8]?, marker: [UInt8]?)
        var states: [State] = []
        for file in stages(of: log) { states.append((file, nil, nil)) }
        for file in stages(of: snapshots) { states.append((log, file, nil)) }
        for count in 0...marker.count {
            states.append((log, snapshots, Array(marker[..<count])))
        }
        for (number, state) in states.enumerated() {
            let factory = try LMDBFactory()
            try factory.setFile("log/data.mdb", state.log)
            try factory.setFile("snapshots/data.mdb", state.snapshots)
            try factory.setFile("FORMAT.new", state.marker)
            let stores = try factory.open()
            #expect(stores.log.bounds == .empty, "state \(number)")
            #expect(try stores.snapshots.list().isEmpty)
            try stores.log.commit(LogBatch(entries: StoreContract.entries(1...3)))
            #expect(
                try StoreContract.read(factory.reopen().log) == StoreContract.entries(1...3))
            #expect(try factory.file("FORMAT") == marker)
        }
    }

    /// What a file is on the way from nothing to its first commit, in the order of LMDB's writes.
    private func stages(of file: [UInt8]) -> [[UInt8]?] {
        let unborn = fresh(file)
        var stages: [[UInt8]?] = [nil]
        for count in [0, 1, 100, 4095, 4096, 8191, 8192] {
            stages.append(Array(unborn[..<count]))
            stages.append([UInt8](repeating: 0, count: count))
        }
        for end in stride(from: 3 * Self.page, through: file.count, by: Self.page) {
            stages.append(unborn + file[(2 * Self.page)..<end])
        }
        return stages + [file]
    }

    @Test("A folder in use whose marker is missing opens, and has one again")
    func unmarked() throws {
        let factory = try LMDBFactory()
        let written = StoreContract.entries(1...5)
        try factory.open().log.commit(LogBatch(entries: written))
        factory.close()
        try factory.setFile("FORMAT", nil)
        #expect(try StoreContract.read(factory.open().log) == written)
        #expect(try factory.file("FORMAT").count == 16)
    }

    @Test(
        "One file of a folder in use is missing, and the marker too", arguments: LMDBFactory.files)
    func half(name: String) throws {
        let factory = try LMDBFactory()
        try factory.open().log.commit(LogBatch(entries: StoreContract.entries(1...5)))
        factory.close()
        try factory.setFile("FORMAT", nil)
        try factory.setFile(name, nil)
        for _ in 1...2 {
            let error = #expect(throws: StoreError.self) { _ = try factory.open() }
            #expect(error?.description.contains(name) ?? false)
        }
    }

    @Test("A marker that is cut or changed is damage")
    func damagedMarker() throws {
        let factory = try LMDBFactory()
        _ = try factory.open()
        factory.close()
        let marker = try factory.file("FORMAT")
        var wrong = (0..<marker.count).map { Array(marker[..<$0]) } + [marker + [0]]
        for bit in 0..<marker.count * 8 {
            var flipped = marker
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            wrong.append(flipped)
        }
        for bytes in wrong {
            try factory.setFile("FORMAT", bytes)
            let error = #expect(throws: StoreError.self) { _ = try factory.open() }
            guard case .corrupt(let detail) = error else {
                Issue.record("\(String(describing: error)) for \(bytes)")
                return
            }
            #expect(detail.contains("FORMAT"))
        }
    }

    @Test("A folder of a newer format is refused, with both formats named")
    func unknownFormat() throws {
        let factory = try LMDBFactory()
        let newer = Array("martlet\0".utf8) + [2, 0, 0, 0, 191, 99, 149, 77]
        try factory.setFile("FORMAT", newer)
        #expect(throws: StoreError.unknownFormat(found: 2, known: 1)) { _ = try factory.open() }
    }

    @Test("A folder in use is opened without a write to its files")
    func readOnly() throws {
        let factory = try LMDBFactory()
        try factory.open().log.commit(LogBatch(entries: StoreContract.entries(1...5)))
        factory.close()
        let before = try (LMDBFactory.files + ["FORMAT"]).map { try factory.file($0) }
        _ = try factory.open()
        factory.close()
        #expect(try (LMDBFactory.files + ["FORMAT"]).map { try factory.file($0) } == before)
    }
}
