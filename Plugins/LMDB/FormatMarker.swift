// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletBytes
import MartletStorage

/// The file that says: both environments of this data folder have been committed to. Where it is, an
/// empty or missing environment is a loss and not a beginning: without it, a file that was cut to
/// nothing would open as a new server's, which forgets its votes.
///
/// | offset | width | meaning                                   |
/// |--------|-------|-------------------------------------------|
/// | 0      | 8     | "martlet", 0                              |
/// | 8      | 4     | format of everything in the folder        |
/// | 12     | 4     | CRC-32C of what precedes                  |
///
/// These 16 bytes are the same in every format to come.
enum FormatMarker {
    static let name = "FORMAT"
    private static let magic = Array("martlet\0".utf8)
    private static let sizeBytes = 16

    /// - Throws: ``MartletStorage/StoreError/unknownFormat(found:known:)``, or
    ///   ``MartletStorage/StoreError/corrupt(_:)``: it is renamed into place complete, so that no
    ///   crash leaves half of it.
    static func isPresent(in directory: String) throws(StoreError) -> Bool {
        let path = "\(directory)/\(name)"
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT { return false }
        guard descriptor >= 0 else { throw systemError("open \(path)") }
        defer { _ = close(descriptor) }
        var content = [UInt8](repeating: 0, count: sizeBytes + 1)
        let count = unsafe content.withUnsafeMutableBytes {
            unsafe pread(descriptor, $0.baseAddress, $0.count, 0)
        }
        guard count >= 0 else { throw systemError("read \(path)") }
        let found: UInt32
        do throws(ByteError) {
            found = try format(of: content[..<count])
        } catch {
            throw .corrupt("\(path): \(error)")
        }
        guard found == Records.format else {
            throw .unknownFormat(found: found, known: Records.format)
        }
        return true
    }

    /// Durable when it returns, under its final name.
    static func write(in directory: String) throws(StoreError) {
        let path = "\(directory)/\(name)"
        let temporary = "\(path).new"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw systemError("open \(temporary)") }
        defer { _ = close(descriptor) }
        let content = encoded()
        let count = unsafe content.withUnsafeBytes {
            unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0)
        }
        guard count >= 0 else { throw systemError("write \(temporary)") }
        guard count == content.count else { throw .full("write \(temporary)") }
        guard fsync(descriptor) == 0 else { throw systemError("fsync \(temporary)") }
        guard unsafe rename(temporary, path) == 0 else { throw systemError("rename \(path)") }
        try syncFolder(directory)
    }

    private static func encoded() -> [UInt8] {
        var writer = ByteWriter(reservingBytes: sizeBytes)
        writer.write(raw: magic)
        writer.write(Records.format)
        writer.write(CRC32C.checksum(writer.span))
        return writer.finish()
    }

    private static func format(of content: ArraySlice<UInt8>) throws(ByteError) -> UInt32 {
        var reader = ByteReader(content)
        guard try Array(reader.readRaw(count: magic.count)) == magic else {
            throw ByteError(offset: 0, reason: "not a marker of Martlet's")
        }
        let format = try reader.readUInt32()
        let checksum = try reader.readUInt32()
        try reader.finish()
        guard CRC32C.checksum(Array(content.prefix(sizeBytes - 4))) == checksum else {
            throw ByteError(offset: sizeBytes - 4, reason: "the checksum does not match")
        }
        return format
    }
}
