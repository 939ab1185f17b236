// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletTransport
import Testing

@testable import MartletExec

@Suite("Processes and folders of tasks") struct ExecMachineTests {
    private let machine = ExecMachine()

    /// An empty folder of its own, and what removes it.
    private static func folder() throws -> String {
        var template = Array("/tmp/martlet-exec-XXXXXX".utf8CString)
        try #require(unsafe mkdtemp(&template) != nil)
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func text(_ path: String) -> String? {
        guard let file = unsafe fopen(path, "r") else { return nil }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    @Test("A process has one birth, others have others, and one that is not there has none")
    func birth() throws {
        let own = try #require(machine.birth(of: getpid()))
        #expect(machine.birth(of: getpid()) == own)
        #expect(own.contains(":") && !own.contains(" "))
        #expect(machine.birth(of: 0) == nil)
        #expect(machine.birth(of: -1) == nil)
        #expect(machine.birth(of: .max) == nil)
    }

    @Test("Signals to group 0, 1 and below go to nobody")
    func groups() {
        // To group 0 or -1 this one would end the tests.
        for group: Int32 in [0, 1, -1, .min] { machine.send(signal: SIGKILL, toGroup: group) }
    }

    @Test("A tree goes with all that is in it, and where its links lead everything stays")
    func removeTree() throws {
        let folder = try Self.folder()
        unsafe mkdir("\(folder)/kept", 0o700)
        unsafe mkdir("\(folder)/gone", 0o700)
        unsafe mkdir("\(folder)/gone/inner", 0o700)
        for path in ["kept/file", "gone/file", "gone/inner/file"] {
            unsafe fclose(unsafe fopen("\(folder)/\(path)", "w"))
        }
        unsafe symlink("\(folder)/kept", "\(folder)/gone/link")
        unsafe symlink("\(folder)/kept/file", "\(folder)/gone/inner/link")
        unsafe chmod("\(folder)/gone/inner", 0)
        try machine.removeTree("\(folder)/gone")
        #expect(unsafe access("\(folder)/gone", F_OK) != 0)
        #expect(unsafe access("\(folder)/kept/file", F_OK) == 0)
        #expect(throws: FileError.self) { try machine.removeTree("\(folder)/gone") }
        try machine.removeTree(folder)
    }

    @Test("A log has files of so many bytes, the newest of them, and goes on after a restart")
    func logs() throws {
        let folder = try Self.folder()
        let prefix = "\(folder)/t.stdout"
        do {
            var log = RotatedLog(prefix: prefix, filesMax: 2, bytesMax: 4)
            log.write(Array("abcdefghij".utf8)[...])
        }
        #expect(unsafe access("\(prefix).0", F_OK) != 0)
        #expect(Self.text("\(prefix).1") == "efgh")
        #expect(Self.text("\(prefix).2") == "ij")
        var log = RotatedLog(prefix: prefix, filesMax: 2, bytesMax: 4)
        log.write(Array("klm".utf8)[...])
        #expect(unsafe access("\(prefix).1", F_OK) != 0)
        #expect(Self.text("\(prefix).2") == "ijkl")
        #expect(Self.text("\(prefix).3") == "m")
        try machine.removeTree(folder)
        // With nowhere to write it says nothing, and does not stop.
        var lost = RotatedLog(prefix: "\(folder)/gone/t", filesMax: 1, bytesMax: 4)
        lost.write(Array("abcdefghij".utf8)[...])
    }
}
