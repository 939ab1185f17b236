// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc

/// Files, as a tool handles them.
enum Disk {
    static func read(_ path: String) -> [UInt8]? {
        FileManager.default.contents(atPath: path).map { Array($0) }
    }

    static func write(_ bytes: [UInt8], to path: String) {
        let folder = (path as NSString).deletingLastPathComponent
        if !folder.isEmpty {
            // A folder that cannot be made shows when the file cannot.
            try? FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
        }
        guard FileManager.default.createFile(atPath: path, contents: Data(bytes)) else {
            print("error: cannot write \(path)")
            exit(2)
        }
    }

    static func remove(_ path: String) { _ = unsafe unlink(path) }

    /// One that says what it holds: the hash of Fowler, Noll and Vo, 64 bits.
    static func name(of bytes: [UInt8]) -> String {
        let hash = bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01B3
        }
        return String(hash, radix: 16)
    }

    /// The files of a target's corpus, in the order of their names.
    static func corpus(_ folder: String, target: String) -> [(name: String, bytes: [UInt8])] {
        let path = "\(folder)/\(target)"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.sorted().compactMap { name in
            read("\(path)/\(name)").map { (name, $0) }
        }
    }
}

/// What a worker is about to try, in memory that outlives it: 8 bytes for how many inputs came before,
/// 8 for its length, and the input.
///
/// - Invariant: mapped until the process ends.
// SAFETY: `base` has `bytesMax` bytes; every access below stays within them.
@safe final class Trace {
    static let bytesMax = 1 << 20
    private static let headBytes = 16
    private let base: UnsafeMutableRawPointer

    /// nil if the file cannot be mapped.
    init?(_ path: String) {
        let file = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { return nil }
        defer { close(file) }
        guard ftruncate(file, Self.bytesMax) == 0,
            let mapped = unsafe mmap(
                nil, Self.bytesMax, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0),
            unsafe mapped != MAP_FAILED
        else { return nil }
        unsafe base = mapped
    }

    /// - Precondition: inputs are far smaller than ``bytesMax``.
    func note(_ input: [UInt8], number: UInt64) {
        precondition(input.count <= Self.bytesMax - Self.headBytes)
        unsafe base.storeBytes(of: number, as: UInt64.self)
        unsafe base.storeBytes(of: UInt64(input.count), toByteOffset: 8, as: UInt64.self)
        unsafe input.withUnsafeBytes { source in
            guard let from = source.baseAddress else { return }
            unsafe (base + Self.headBytes).copyMemory(from: from, byteCount: source.count)
        }
    }

    var number: UInt64 { unsafe base.load(as: UInt64.self) }

    var input: [UInt8] {
        let count = unsafe base.load(fromByteOffset: 8, as: UInt64.self)
        let length = Int(min(count, UInt64(Self.bytesMax - Self.headBytes)))
        return unsafe Array(
            UnsafeRawBufferPointer(start: base + Self.headBytes, count: length))
    }
}
