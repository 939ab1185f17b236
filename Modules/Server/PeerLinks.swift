// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// The links of a server, by whom they lead to. Few, and asked for with each message: looked through
/// from the front, which costs less than to hash an id.
struct PeerLinks {
    /// In the order of their ids.
    private(set) var inOrder: [PeerLink] = []
    private var ids: [ServerID] = []

    var count: Int { ids.count }

    subscript(_ id: ServerID) -> PeerLink? {
        get { ids.firstIndex(of: id).map { inOrder[$0] } }
        set {
            _ = remove(id)
            guard let newValue else { return }
            let place = ids.firstIndex { $0 > id } ?? ids.count
            ids.insert(id, at: place)
            inOrder.insert(newValue, at: place)
        }
    }

    mutating func remove(_ id: ServerID) -> PeerLink? {
        guard let place = ids.firstIndex(of: id) else { return nil }
        ids.remove(at: place)
        return inOrder.remove(at: place)
    }
}
