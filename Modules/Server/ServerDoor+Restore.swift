// SPDX-License-Identifier: Apache-2.0
import MartletState

/// Saved states, for hosts and tests that need no HTTP.
extension ServerDoor {
    /// As `PUT /v1/operator/snapshot` at the leader; followers do not pass it on. `completion` is
    /// called once, on the loop.
    package func restore(
        archive bytes: [UInt8], completion: @escaping @Sendable (RestoreOutcome) -> Void
    ) {
        guard let server else { return completion(.failed("the server has not started")) }
        server.restore(archive: bytes, completion)
    }

    /// The same with the bytes of a state, as ``stateBytes`` gives them.
    package func restore(
        stateBytes bytes: [UInt8], completion: @escaping @Sendable (RestoreOutcome) -> Void
    ) {
        guard let server else { return completion(.failed("the server has not started")) }
        server.restore(stateBytes: bytes, completion)
    }

    /// The whole state that this server has applied, as a snapshot holds it: equal on all servers
    /// that applied the same entries. O(n), on the loop: for tests.
    package var stateBytes: [UInt8] { server?.replica.state.encoded() ?? [] }
}
