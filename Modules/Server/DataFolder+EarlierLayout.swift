// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletTransport

/// Earlier versions kept the stores in the data folder itself, and no identity beside them:
///
/// ```
///     FORMAT  log/data.mdb  snapshots/data.mdb
/// ```
///
/// They are moved to where they belong before anything is opened: without them, the server would
/// start as a new one, and forget its votes. In order: `server/raft.moving` is made, each part is
/// renamed into it, and it is renamed to `server/raft`. Only the last step makes stores of it, so that
/// no half is taken for a whole; a start after a crash finds what is left of either place, and goes
/// on.
extension DataFolder {
    private static let earlierParts = ["FORMAT", "log", "snapshots"]
    private var movingFolder: String { "\(directory)/server/raft.moving" }

    /// Parts that are still where an earlier version had them.
    private var partsLeft: [String] {
        Self.earlierParts.filter { part in
            let path = "\(directory)/\(part)"
            // A folder of that name without a store in it is somebody else's.
            return files.exists(files.isDirectory(path) ? "\(path)/data.mdb" : path)
        }
    }

    /// Whether the stores are, or partly are, where an earlier version had them.
    func hasEarlierLayout() throws(DataFolderError) -> Bool {
        if !partsLeft.isEmpty { return true }
        return try !isEmpty(movingFolder)
    }

    func moveEarlierLayout() throws(DataFolderError) {
        guard try hasEarlierLayout() else { return }
        guard try isEmpty(raftFolder), !files.exists(identityFile.path) else {
            throw .twoLayouts(folder: directory)
        }
        do throws(FileError) {
            try files.makeDirectory(movingFolder)
            for part in partsLeft {
                let newPath = "\(movingFolder)/\(part)"
                guard !files.exists(newPath) else {
                    throw .failed(path: newPath, reason: "in the way")
                }
                try files.rename("\(directory)/\(part)", to: newPath)
            }
            if files.exists(raftFolder) { try files.remove(raftFolder) }
            try files.rename(movingFolder, to: raftFolder)
        } catch {
            throw .notMoved("\(error)", folder: directory)
        }
        logger.notice(
            "the data folder had the layout of an earlier version: its stores were moved",
            metadata: ["from": "\(directory)", "to": "\(raftFolder)"])
    }

    private func isEmpty(_ folder: String) throws(DataFolderError) -> Bool {
        guard files.exists(folder) else { return true }
        do throws(FileError) { return try files.list(folder).isEmpty } catch {
            throw .notMoved("\(error)", folder: directory)
        }
    }
}
