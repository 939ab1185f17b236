// SPDX-License-Identifier: Apache-2.0
import Glibc

extension UVProcesses {
    /// Raises this process's bound on open descriptors to what the system allows it: each client
    /// takes one. Where that is refused, the old bound stands.
    ///
    /// - Returns: the bound; nil if it is not known.
    @discardableResult
    package static func raiseDescriptorLimit() -> Int? {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0 else { return nil }
        var raised = limit
        raised.rlim_cur = limit.rlim_max
        if unsafe setrlimit(resource, &raised) == 0 { limit = raised }
        return Int(clamping: limit.rlim_cur)
    }
}
