// SPDX-License-Identifier: Apache-2.0
package import MartletStorage

/// Why a server does not start on its data folder, with what to do about it. Nothing was changed.
package enum DataFolderError: Error, Equatable, Sendable, CustomStringConvertible {
    case store(StoreError, folder: String)
    /// Damaged or gone, and no other voter has the data.
    case onlyCopy(String, folder: String)
    /// Damaged, and nothing says any more which server this was.
    case nobodyKnowsWho(String, folder: String)
    /// File and store name different servers.
    case twoServers(folder: String)
    /// Stores in the layout of an earlier version, and in the present one: of which server?
    case twoLayouts(folder: String)
    /// Stores in the layout of an earlier version that cannot be brought into the present one.
    case notMoved(String, folder: String)
    /// `peers.json` cannot be followed.
    case recovery(String)

    package var description: String {
        switch self {
        case .store(.full(let detail), let folder):
            "no space left: \(detail)\nMake space for \(folder) and start again."
        case .store(let error, let folder):
            "\(error)\nThe data folder is \(folder)."
        case .onlyCopy(let reason, let folder):
            "the data of this server is damaged: \(reason)\nThis server is the only voter of its "
                + "cluster, so no other server can refill it, and nothing was changed in \(folder)."
                + "\nPut back a backup of that folder. Without one, move the folder away and start "
                + "again: that is a new, empty cluster, into which a saved snapshot can be restored."
        case .nobodyKnowsWho(let reason, let folder):
            "the data of this server is damaged: \(reason)\nNeither the stores nor the file IDENTITY in \(folder) say any more which "
                + "server this was, so it cannot be refilled as the same one, and nothing was "
                + "changed.\nIf the other servers of the cluster are healthy: remove this one with "
                + "'operator raft remove-peer', move the folder away and start again as a new "
                + "server."
        case .twoServers(let folder):
            "the file IDENTITY and the stores in \(folder) belong to different servers\n"
                + "Put the right IDENTITY back, or remove it if the stores are the right ones."
        case .twoLayouts(let folder):
            "\(folder) holds the data of two servers: FORMAT, log and snapshots are in the layout of an "
                + "earlier version, and the folder server is in the present one\nNothing was changed. "
                + "Keep the one that the cluster knows ('operator raft list-peers'), most likely the "
                + "earlier one: move the other out of \(folder), and start again."
        case .notMoved(let reason, let folder):
            "\(reason)\nThe stores in \(folder) are in the layout of an earlier version and cannot be "
                + "moved to \(folder)/server/raft. Remove what hinders it and start again, or move "
                + "FORMAT, log and snapshots there by hand, from \(folder) and from "
                + "\(folder)/server/raft.moving: all three, before the next start."
        case .recovery(let detail):
            detail
        }
    }
}
