// SPDX-License-Identifier: Apache-2.0
import MartletServer

extension SimulatedCluster {
    /// One whose servers ask for tokens.
    package convenience init(seed: UInt64, countWithAccessControl count: Int) {
        self.init(seed: seed, count: count) { $0.acl.isEnabled = true }
    }
}
