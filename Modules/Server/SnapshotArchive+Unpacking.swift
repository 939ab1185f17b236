// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletState
import MartletTransport

extension SnapshotArchive {
    /// A state as a restore takes it.
    struct Unpacked: Sendable {
        /// The bytes of `state.bin`.
        let file: any SpoolFile
        let sizeBytes: Int
        /// CRC-32C.
        let checksum: UInt32
        /// The format that they are written in; 0 without any.
        let version: UInt8
    }

    /// The state's bytes in an archive of any origin, put into `file`, once all sums were found right.
    /// A state that is small enough is read as well; a large one is where it is restored.
    static func unpack(
        _ archive: any SpoolFile, to file: any SpoolFile, crypto: any Crypto,
        compression: any Compression
    ) -> Result<Unpacked, ArchiveError> {
        do {
            let reader = try ArchiveReader(to: file, crypto, compression)
            var offset = 0
            while true {
                let bytes = try archive.read(from: offset, limitBytes: StateEncoder.pieceBytes)
                guard !bytes.isEmpty else { break }
                offset += bytes.count
                try reader.receive(bytes)
            }
            return .success(try reader.finish())
        } catch {
            file.remove()
            if let error = error as? CompressionError { return .failure(ArchiveError(text(error))) }
            return .failure(ArchiveError("\(error)"))
        }
    }

    /// The bytes of a state without an archive around them, which are not read here.
    static func unpack(
        state bytes: [UInt8], to file: any SpoolFile
    ) -> Result<Unpacked, ArchiveError> {
        do throws(FileError) {
            try file.append(bytes)
        } catch {
            return .failure(ArchiveError("\(error)"))
        }
        return check(
            Unpacked(
                file: file, sizeBytes: bytes.count, checksum: CRC32C.checksum(bytes),
                version: bytes.first ?? 0), bytes)
    }

    /// Whether a restore can take it; `bytes` are all of it if it is small.
    fileprivate static func check(
        _ state: Unpacked, _ bytes: [UInt8]?
    ) -> Result<Unpacked, ArchiveError> {
        guard state.sizeBytes <= StateRestore.bytesMax else {
            return .failure(
                ArchiveError(
                    "a state of \(state.sizeBytes) bytes, at most \(StateRestore.bytesMax)"))
        }
        do throws(StateError) {
            if let bytes { _ = try State(decoding: bytes) }
            return .success(state)
        } catch {
            return .failure(ArchiveError("\(stateName): \(error)"))
        }
    }

    private static func text(_ error: CompressionError) -> String {
        switch error {
        case .malformed(let why): "not gzip, or damaged: \(why)"
        case .tooLarge(let limit): "it unpacks to more than \(limit) bytes"
        case .failed(let why): why
        }
    }
}

/// An archive on its way out of gzip and tar. The state goes into a file, the rest is small.
private final class ArchiveReader {
    private let file: any SpoolFile
    private let crypto: any Crypto
    private let gunzip: any CompressionStream
    private var tar = TarReader(filesMax: 3)
    private var name = ""
    private var digest: (any RunningDigest)?
    /// Lines as those of `SHA256SUMS`.
    private var sums: [String] = []
    private var names: [String] = []
    private var sumsFile: [UInt8] = []
    private var failure: (any Error)?

    private var sizeBytes = 0
    private var checksum: UInt32 = 0
    private var version: UInt8 = 0
    /// All of the state while it is small.
    private var small: [UInt8]? = []

    init(to file: any SpoolFile, _ crypto: any Crypto, _ compression: any Compression) throws {
        self.file = file
        self.crypto = crypto
        gunzip = try compression.startGunzip()
    }

    func receive(_ bytes: [UInt8]) throws {
        try gunzip.write(bytes, output: take)
        if let failure { throw failure }
    }

    func finish() throws -> SnapshotArchive.Unpacked {
        try gunzip.finish(output: take)
        if let failure { throw failure }
        try tar.finish()
        for name in [
            SnapshotArchive.metaName, SnapshotArchive.stateName, SnapshotArchive.sumsName,
        ] {
            let count = names.count { $0 == name }
            guard count == 1 else {
                throw ArchiveError("the archive has \(count) files named \(name)")
            }
        }
        let lines = String(decoding: sumsFile, as: UTF8.self).split(separator: "\n")
        guard lines.map(String.init).sorted() == sums.sorted() else {
            throw ArchiveError(
                "\(SnapshotArchive.sumsName) does not agree with the other files")
        }
        return try SnapshotArchive.check(
            .init(file: file, sizeBytes: sizeBytes, checksum: checksum, version: version), small
        ).get()
    }

    private func take(_ bytes: ArraySlice<UInt8>) -> Bool {
        do {
            for event in try tar.receive(bytes) { try take(event) }
            return true
        } catch {
            failure = error
            return false
        }
    }

    private func take(_ event: TarReader.Event) throws {
        switch event {
        case .file(let name, let size):
            self.name = name
            names.append(name)
            let max =
                name == SnapshotArchive.stateName
                ? StateRestore.bytesMax : SnapshotArchive.smallFileBytesMax
            guard size <= max else {
                throw ArchiveError("\(name) has \(size) bytes, at most \(max) are taken")
            }
            digest = name == SnapshotArchive.sumsName ? nil : try crypto.startSHA256()
        case .content(let slice):
            let bytes = Array(slice)
            try digest?.update(bytes)
            switch name {
            case SnapshotArchive.stateName: try takeState(bytes)
            case SnapshotArchive.sumsName: sumsFile += bytes
            default: break
            }
        case .fileEnd:
            guard let digest else { return }
            let sum = SnapshotArchive.hexadecimal(try digest.finish())
            sums.append("\(sum)  \(name)")
        }
    }

    private func takeState(_ bytes: [UInt8]) throws {
        if sizeBytes == 0 { version = bytes[0] }
        sizeBytes += bytes.count
        checksum = CRC32C.update(checksum, with: bytes)
        try file.append(bytes)
        if sizeBytes <= StateRestore.smallBytesMax { small? += bytes } else { small = nil }
    }
}
