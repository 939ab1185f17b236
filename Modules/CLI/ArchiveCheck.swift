// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletTransport

/// Checks a saved state as its bytes pass by, however large it is: gzip, tar, and the sums in it.
final class ArchiveCheck {
    private static let filesMax = 8
    /// Of the files that are looked at: the description and the sums.
    private static let smallFileBytesMax = 4 << 20
    private static let sumsName = "SHA256SUMS"
    private static let metaName = "meta.json"

    private let crypto: any Crypto
    private let digest: any RunningDigest
    private let gunzip: any CompressionStream
    private var tar = TarReader(filesMax: filesMax)
    private var name = ""
    private var fileDigest: any RunningDigest
    private var small: [String: [UInt8]] = [:]
    /// Lines as those of the sums.
    private var found: [String] = []
    /// The first thing that is wrong.
    private var fault: String?

    init(_ environment: CLIEnvironment) throws(CLIFailure) {
        do {
            crypto = environment.crypto
            digest = try crypto.startSHA256()
            fileDigest = try crypto.startSHA256()
            gunzip = try environment.compression.startGunzip()
        } catch {
            throw CLIFailure("\(error)", .unable)
        }
    }

    /// What is wrong is said at the end: where there is a sum of the whole, that goes first.
    func receive(_ bytes: [UInt8]) throws(CLIFailure) {
        do throws(CryptoError) {
            try digest.update(bytes)
        } catch {
            throw CLIFailure("\(error)", .unable)
        }
        guard fault == nil else { return }
        do throws(CompressionError) {
            try gunzip.write(bytes, output: take)
        } catch {
            fault = fault ?? Self.text(error)
        }
    }

    /// The SHA-256 of all that came, in base64.
    func sum() throws(CLIFailure) -> String {
        do throws(CryptoError) {
            return Base64.encoded(try digest.finish())
        } catch {
            throw CLIFailure("\(error)", .unable)
        }
    }

    /// The description in the archive, whose sums are right.
    func finish(failing: String) throws(CLIFailure) -> Answer {
        if fault == nil {
            do throws(CompressionError) {
                try gunzip.finish(output: take)
            } catch {
                fault = fault ?? Self.text(error)
            }
        }
        if fault == nil {
            do throws(ArchiveError) {
                try tar.finish()
            } catch {
                fault = "\(error)"
            }
        }
        guard fault == nil, let sums = small[Self.sumsName], let meta = small[Self.metaName] else {
            let why = fault ?? "it has no meta.json or no SHA256SUMS: it is no saved state"
            throw CLIFailure("\(failing): \(why)", .refused)
        }
        let lines = String(decoding: sums, as: UTF8.self).split(separator: "\n")
        guard lines.map(String.init).sorted() == found.sorted() else {
            throw CLIFailure(
                "\(failing): its sums are not those of its content: it is damaged", .refused)
        }
        return try Answer(bytes: meta, failing: failing)
    }

    private func take(_ bytes: ArraySlice<UInt8>) -> Bool {
        do {
            for event in try tar.receive(bytes) { try take(event) }
            return true
        } catch {
            fault = "\(error)"
            return false
        }
    }

    private func take(_ event: TarReader.Event) throws {
        switch event {
        case .file(let name, let size):
            self.name = name
            fileDigest = try crypto.startSHA256()
            guard name == Self.sumsName || name == Self.metaName else { return }
            guard size <= Self.smallFileBytesMax, small[name] == nil else {
                throw ArchiveError("\(name) is there twice, or has \(size) bytes")
            }
            small[name] = []
        case .content(let slice):
            let bytes = Array(slice)
            small[name]? += bytes
            try fileDigest.update(bytes)
        case .fileEnd:
            guard name != Self.sumsName else { return }
            found.append("\(Hexadecimal.text(try fileDigest.finish()))  \(name)")
        }
    }

    private static func text(_ error: CompressionError) -> String {
        let why =
            switch error {
            case .malformed(let why), .failed(let why): why
            case .tooLarge(let limit): "it unpacks to more than \(limit) bytes"
            }
        return "failed to decompress snapshot: \(why)"
    }
}

enum Hexadecimal {
    static func text(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
