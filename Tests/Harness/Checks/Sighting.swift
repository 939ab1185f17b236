// SPDX-License-Identifier: Apache-2.0
package import MartletRaft

/// Something that a server has just done and that an ambush waits for.
package struct Sighting: Sendable {
    package enum Kind: Sendable, CaseIterable {
        /// It leads in a new term.
        case leader
        /// It asks for votes.
        case campaign
        /// It has granted a vote.
        case vote
        /// It has committed as a leader.
        case commit
        /// Another configuration is in force at it.
        case configuration
        /// It took entries back.
        case conflict
        /// It took a snapshot from a leader.
        case snapshot
        /// It told another to take over.
        case transfer
    }

    package let kind: Kind
    package let server: ServerID
}
