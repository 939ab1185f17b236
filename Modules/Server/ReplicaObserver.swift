// SPDX-License-Identifier: Apache-2.0
package import MartletRaft

/// Sees every step of a replica's core, for those who check it from outside: simulations and
/// reference models. A server that nobody observes pays one comparison per step.
///
/// Called on the loop, between the step and its effects; must not call into the server.
package protocol ReplicaObserver: AnyObject {
    /// A core was made of what the disk held.
    func replica(_ id: ServerID, began restored: Restored)
    /// A core took a step. `effects` are in order and about to be carried out.
    func replica(_ id: ServerID, stepped view: ReplicaView, effects: [Effect])
}
