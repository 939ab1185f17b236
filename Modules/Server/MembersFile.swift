// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletBytes
package import MartletTransport

/// Whom a server knew before it stopped, so that it finds the others again although nobody of its
/// `retry_join` answers. A help and no truth: a file that is damaged or missing is as good as empty.
///
/// | offset | width | meaning                                            |
/// |--------|-------|----------------------------------------------------|
/// | 0      | 1     | format, 1                                          |
/// | 1      | 1     | 1 if this server left the pool                     |
/// | 2      | 2     | number of members, at most ``countMax``            |
/// | 4      | …     | the members                                        |
/// | last   | 4     | CRC-32C of all before                              |
package struct MembersFile: Equatable, Sendable {
    package var members: [MemberInfo] = []
    /// It is not to come back by itself.
    package var hasLeft = false

    static let countMax = 64
    package static let bytesMax = 256 << 10
    private static let format: UInt8 = 1

    package init() {}

    init(members: [MemberInfo], hasLeft: Bool) {
        self.members = members
        self.hasLeft = hasLeft
    }

    init(decoding bytes: [UInt8]) throws(ByteError) {
        guard bytes.count >= 8 else { throw ByteError(offset: 0, reason: "cut short") }
        let body = bytes.dropLast(4)
        var trailer = ByteReader(bytes.suffix(4))
        guard try trailer.readUInt32() == CRC32C.checksum(Array(body).span) else {
            throw ByteError(offset: body.endIndex, reason: "wrong checksum")
        }
        var reader = ByteReader(body)
        guard try reader.readUInt8() == Self.format else {
            throw ByteError(offset: 0, reason: "unknown format")
        }
        hasLeft = try reader.readBool()
        let count = Int(try reader.readUInt16())
        guard count <= Self.countMax else { throw ByteError(offset: 2, reason: "too many members") }
        for _ in 0..<count { members.append(try MemberInfo(reading: &reader)) }
        try reader.finish()
    }

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.format)
        writer.write(hasLeft)
        writer.write(UInt16(members.count))
        for member in members { member.write(to: &writer) }
        writer.write(CRC32C.checksum(writer.bytes.span))
        return writer.bytes
    }
}

extension ServerOptions {
    /// Reads what operators and earlier lives have left in the data folder: keys and members. Blocks.
    ///
    /// - Returns: what is wrong with the list of members, if it is there and cannot be read.
    /// - Throws: ``KeyringError`` for a keyring that cannot be read: to go on in plain, or with keys
    ///   that others have given up, would be worse than not to start.
    package mutating func readPoolFiles(from files: any Files) throws(KeyringError) -> String? {
        if let path = keyringPath, files.exists(path) {
            let bytes: [UInt8]
            do throws(FileError) {
                bytes = try files.read(path, limitBytes: Keyring.fileBytesMax)
            } catch {
                throw .malformedFile("\(error)")
            }
            keyring = try Keyring(file: bytes)
        }
        guard let path = membersPath, files.exists(path) else { return nil }
        do {
            remembered = try MembersFile(
                decoding: try files.read(path, limitBytes: MembersFile.bytesMax))
            return nil
        } catch {
            return "\(error)"
        }
    }
}

/// Keeps the file up to date, off the loop and at most every few seconds.
final class MembersKeeper {
    private let path: String
    private let files: any Files
    private let lane: any Lane
    private let loop: any Loop
    private let logger: Logger
    private var timer: (any LoopTimer)?
    private var isArmed = false
    private var stored: MembersFile?
    private let current: () -> MembersFile

    private static let delay: Duration = .seconds(2)

    /// nil for a server that keeps no files.
    init?(
        options: ServerOptions, environment: ServerEnvironment, lane: any Lane, logger: Logger,
        current: @escaping () -> MembersFile
    ) {
        guard let path = options.membersPath, let files = environment.files else { return nil }
        self.path = path
        self.files = files
        self.lane = lane
        self.logger = logger
        self.current = current
        loop = environment.loop
    }

    /// Somebody is new, gone, or somewhere else.
    func changed() {
        guard !isArmed else { return }
        isArmed = true
        let timer = timer ?? loop.makeTimer { [weak self] in self?.store() }
        self.timer = timer
        timer.arm(at: loop.now + Self.delay)
    }

    func stop() { timer?.disarm() }

    /// What the lane is given before it ends is still written.
    func store() {
        isArmed = false
        let file = current()
        guard file != stored else { return }
        stored = file
        let path = path
        let files = files
        lane.attempt({ () throws(FileError) in try files.replace(path, with: file.encoded) }) {
            [weak self] result in
            guard case .failure(let error) = result else { return }
            self?.stored = nil
            self?.logger.warning(
                "the list of members cannot be stored", metadata: ["error": "\(error)"])
        }
    }
}
