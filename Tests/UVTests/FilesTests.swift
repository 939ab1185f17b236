// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletTransport
import MartletUV
import Testing

@Suite("Files") struct FilesTests {
    private let folder = TestFolder()
    private let files = UVFiles()

    @Test("What replaces a file is read back, and no temporary file stays")
    func replace() throws {
        let path = "\(folder.path)/value"
        try files.replace(path, with: [1, 2, 3])
        try files.replace(path, with: [4])
        #expect(try files.read(path, limitBytes: 1) == [4])
        #expect(try files.list(folder.path) == ["value"])
    }

    @Test("A large file is written and read whole")
    func large() throws {
        let path = "\(folder.path)/large"
        let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try files.replace(path, with: bytes)
        #expect(try files.read(path, limitBytes: bytes.count) == bytes)
    }

    @Test("Reading refuses what is over the limit, also without a size to see before")
    func limits() throws {
        let path = "\(folder.path)/value"
        try files.replace(path, with: [1, 2, 3])
        #expect(throws: FileError.tooLarge(path: path, limitBytes: 2)) {
            try files.read(path, limitBytes: 2)
        }
        let unsized = "/proc/self/status"
        #expect(throws: FileError.tooLarge(path: unsized, limitBytes: 10)) {
            try files.read(unsized, limitBytes: 10)
        }
        #expect(try !files.read(unsized, limitBytes: 1 << 20).isEmpty)
    }

    @Test("Appending creates and continues")
    func append() throws {
        let path = "\(folder.path)/journal"
        try files.append([1], to: path)
        try files.append([], to: path)
        try files.append([2, 3], to: path)
        #expect(try files.read(path, limitBytes: 10) == [1, 2, 3])
    }

    @Test("Appending durably does so too, and new files are for the owner alone")
    func appendDurably() throws {
        let path = "\(folder.path)/journal"
        try files.appendDurably([1], to: path)
        try files.appendDurably([2, 3], to: path)
        #expect(try files.read(path, limitBytes: 10) == [1, 2, 3])
        var status = stat()
        try #require(unsafe stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(throws: FileError.notFound(path: "\(folder.path)/none/x")) {
            try files.appendDurably([1], to: "\(folder.path)/none/x")
        }
    }

    @Test("The end of a file is read without what is before it", arguments: [0, 2, 3, 9])
    func readEnd(limit: Int) throws {
        let path = "\(folder.path)/journal"
        try files.append([1, 2, 3], to: path)
        let end = try files.readEnd(path, limitBytes: limit)
        #expect(end == FileEnd(bytes: Array([1, 2, 3].suffix(limit)), sizeBytes: 3))
    }

    @Test("A part of a file is read alone; behind its end there is nothing")
    func readPart() throws {
        let path = "\(folder.path)/journal"
        try files.append([1, 2, 3, 4], to: path)
        #expect(try files.read(path, from: 0, limitBytes: 9) == [1, 2, 3, 4])
        #expect(try files.read(path, from: 1, limitBytes: 2) == [2, 3])
        #expect(try files.read(path, from: 3, limitBytes: 2) == [4])
        #expect(try files.read(path, from: 4, limitBytes: 2).isEmpty)
        #expect(try files.read(path, from: 1, limitBytes: 0).isEmpty)
    }

    @Test("Names are listed in the order of their bytes")
    func list() throws {
        for name in ["b", "a", "B", "\u{e9}", "aa"] {
            try files.append([], to: "\(folder.path)/\(name)")
        }
        #expect(try files.list(folder.path) == ["B", "a", "aa", "b", "\u{e9}"])
    }

    @Test("Folders are made with their parents, for the owner alone")
    func makeDirectory() throws {
        let path = "\(folder.path)/a/b/c/"
        try files.makeDirectory(path)
        try files.makeDirectory(path)
        #expect(files.isDirectory(path))
        var status = stat()
        for made in ["a", "a/b", "a/b/c"] {
            try #require(unsafe stat("\(folder.path)/\(made)", &status) == 0)
            #expect(status.st_mode & 0o777 == 0o700)
        }
    }

    @Test("A file in the way of a folder is an error")
    func fileInTheWay() throws {
        try files.append([], to: "\(folder.path)/file")
        #expect(throws: FileError.self) { try files.makeDirectory("\(folder.path)/file") }
        #expect(throws: FileError.self) { try files.makeDirectory("\(folder.path)/file/below") }
        #expect(!files.isDirectory("\(folder.path)/file"))
    }

    @Test("Renaming moves, removing removes files and empty folders")
    func renameAndRemove() throws {
        let (old, new) = ("\(folder.path)/old", "\(folder.path)/sub/new")
        try files.append([5], to: old)
        try files.makeDirectory("\(folder.path)/sub")
        try files.rename(old, to: new)
        #expect(!files.exists(old))
        #expect(try files.read(new, limitBytes: 1) == [5])
        try files.remove(new)
        try files.remove("\(folder.path)/sub")
        #expect(try files.list(folder.path) == [])
    }

    @Test("What is missing is not found, in every call")
    func missing() {
        let path = "\(folder.path)/missing"
        let error = FileError.notFound(path: path)
        #expect(throws: error) { try files.read(path, limitBytes: 1) }
        #expect(throws: error) { try files.readEnd(path, limitBytes: 1) }
        #expect(throws: error) { try files.read(path, from: 0, limitBytes: 1) }
        #expect(throws: error) { try files.list(path) }
        #expect(throws: error) { try files.remove(path) }
        #expect(throws: error) { try files.rename(path, to: "\(folder.path)/x") }
        #expect(throws: FileError.notFound(path: "\(path)/x")) {
            try files.replace("\(path)/x", with: [])
        }
        #expect(!files.exists(path) && !files.isDirectory(path))
    }

    @Test("A path with a zero byte names nothing")
    func zeroByte() throws {
        try files.append([1], to: "\(folder.path)/short")
        #expect(throws: FileError.self) {
            try files.read("\(folder.path)/short\u{0}.txt", limitBytes: 10)
        }
    }

    @Test("A folder is locked once, also within one process, until released")
    func lock() throws {
        let first = try files.lock(folder.path)
        #expect(throws: FileError.locked(path: folder.path, holder: getpid())) {
            _ = try files.lock(folder.path)
        }
        first.release()
        first.release()
        let second = try files.lock(folder.path)
        #expect(throws: FileError.self) { _ = try files.lock(folder.path) }
        second.release()
    }

    @Test("A lock that is let go is released")
    func lockLifetime() throws {
        do { _ = try files.lock(folder.path) }
        try files.lock(folder.path).release()
    }
}
