// SPDX-License-Identifier: Apache-2.0
import CLMDB
import Glibc
import MartletStorage

/// Disk space that is allocated behind an environment's last page, for what frees space: LMDB copies
/// a page before it changes it, so that on a full disk neither a compaction nor a vote could be
/// written. The file is not longer for it.
///
/// Writes that take space begin while half of it is untouched, or after one that freed some, for as
/// long as the environment's free pages last. So a log that is shortened on a full disk serves again.
struct SpaceReserve {
    /// A compaction's step and a few votes copy some 20 pages of 4 KiB; 128 are half of this.
    static let bytes = 1 << 20

    private let descriptor: Int32
    /// Where the file's allocated space ends, as far as it was asked for here.
    private var end = 0
    /// Not every file system can allocate ahead: then there is none.
    private var isSupported = true
    /// There may be free pages: since space was freed, no write has made the file longer.
    private var hasFreed = false
    private var usedBefore = 0

    /// - Parameter descriptor: LMDB's own of the file, open for longer than this is used.
    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// What a write does to the space that is left.
    enum Purpose {
        case takesSpace
        /// Term and vote: a few pages.
        case staysSmall
        case freesSpace
    }

    /// Asked before a write.
    ///
    /// - Parameter used: how much of the file the environment's pages take.
    /// - Throws: ENOSPC for what takes space when there is none.
    mutating func admit(_ purpose: Purpose, used: Int) throws(Fault) {
        let hasRoom = isSupported ? isThere(behind: used) : true
        guard hasRoom || hasFreed || purpose != .takesSpace else {
            throw .code(ENOSPC, in: "fallocate")
        }
        usedBefore = used
    }

    /// Told after a write has been committed.
    mutating func committed(_ purpose: Purpose, used: Int) {
        switch purpose {
        case .freesSpace: hasFreed = true
        case .takesSpace: if used > usedBefore { hasFreed = false }
        case .staysSmall: break
        }
    }

    private mutating func isThere(behind used: Int) -> Bool {
        if end >= used + Self.bytes / 2 { return true }
        for wanted in [Self.bytes, Self.bytes / 2] {
            if clmdb_allocate(descriptor, off_t(used), off_t(wanted)) == 0 {
                end = used + wanted
                return true
            }
            guard errno == ENOSPC || errno == EDQUOT else {
                isSupported = false
                return true
            }
        }
        return false
    }
}
