// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// One stream of a task's output, in files of at most so many bytes, of which the newest are kept:
/// `PREFIX.0`, `PREFIX.1` and so on. What cannot be written is dropped: a full disk must not hold up
/// the task.
struct RotatedLog: ~Copyable {
    private let prefix: String
    private let filesMax: Int
    private let bytesMax: Int
    private var number: Int
    private var file: Int32 = -1
    private var bytes = 0

    /// Goes on with the newest file that is there.
    init(prefix: String, filesMax: Int, bytesMax: Int) {
        self.prefix = prefix
        self.filesMax = max(1, filesMax)
        self.bytesMax = max(1, bytesMax)
        number = Self.newest(prefix) ?? 0
        open()
    }

    deinit { if file >= 0 { close(file) } }

    mutating func write(_ piece: ArraySlice<UInt8>) {
        var rest = piece
        while !rest.isEmpty {
            if bytes >= bytesMax { rotate() }
            let fitting = rest.prefix(bytesMax - bytes)
            rest = rest.dropFirst(fitting.count)
            bytes += fitting.count
            append(fitting)
        }
    }

    private func append(_ piece: ArraySlice<UInt8>) {
        var rest = piece
        while file >= 0, !rest.isEmpty {
            // SAFETY: the pointer is used within the closure only, for the bytes that are left.
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(file, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private mutating func rotate() {
        if file >= 0 { close(file) }
        number += 1
        unsafe _ = unlink("\(prefix).\(number - filesMax)")
        open()
    }

    private mutating func open() {
        file = unsafe Glibc.open(
            "\(prefix).\(number)", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        var status = stat()
        bytes = unsafe file >= 0 && fstat(file, &status) == 0 ? Int(status.st_size) : 0
    }

    private static func newest(_ prefix: String) -> Int? {
        guard let slash = prefix.lastIndex(of: "/"),
            let folder = unsafe opendir(String(prefix[..<slash]))
        else { return nil }
        defer { unsafe closedir(folder) }
        let stem = prefix[prefix.index(after: slash)...] + "."
        var newest: Int?
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasPrefix(stem), let number = Int(name.dropFirst(stem.count)) else {
                continue
            }
            newest = max(newest ?? 0, number)
        }
        return newest
    }
}
