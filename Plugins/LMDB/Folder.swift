// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletStorage

/// One folder, held exclusively for as long as this lives: by `flock` on the folder itself, so that
/// a crash releases it and nothing is left behind.
@safe struct Folder: ~Copyable {
    let path: String
    /// The environment's file in it.
    var file: String { "\(path)/data.mdb" }
    private let descriptor: Int32

    /// Makes the folder if it is missing, durably, and locks it.
    init(_ path: String, in parent: String) throws(StoreError) {
        if unsafe mkdir(path, 0o700) != 0, errno != EEXIST {
            throw systemError("mkdir \(path)")
        }
        try syncFolder(parent)
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemError("open \(path)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let error =
                errno == EWOULDBLOCK ? StoreError.locked(path) : systemError("flock \(path)")
            _ = Glibc.close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
    }

    /// Unlocks in so many words: a child process that is just being started shares the lock until
    /// it has become another program.
    deinit {
        _ = flock(descriptor, LOCK_UN)
        _ = Glibc.close(descriptor)
    }
}

/// Makes names in a folder durable: LMDB syncs its file and not the folder that names it.
func syncFolder(_ path: String) throws(StoreError) {
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemError("open \(path)") }
    defer { _ = Glibc.close(descriptor) }
    guard fsync(descriptor) == 0 else { throw systemError("fsync \(path)") }
}

func systemError(_ call: String) -> StoreError {
    let code = errno
    let text = describe(code, call)
    return code == ENOSPC || code == EDQUOT ? .full(text) : .broken(text)
}
