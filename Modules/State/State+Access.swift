// SPDX-License-Identifier: Apache-2.0
package import MartletACL

extension State: AccessTables {
    package var accessStamp: AccessStamp {
        AccessStamp(tokens: acl.tokenIndex, policies: acl.policyIndex, roles: acl.roleIndex)
    }
}
