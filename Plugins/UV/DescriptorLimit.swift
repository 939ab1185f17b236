// SPDX-License-Identifier: Apache-2.0
import Glibc

extension UVProcesses {
    /// Raises this process's bound on open descriptors to what the system allows it: each client
    /// takes one. Where that is refused, the old bound stands.
    package static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return
        }
        limit.rlim_cur = limit.rlim_max
        unsafe _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
