// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState

extension Server {
    /// Removes at once what has ended and nobody needs; answered when it is gone.
    func collectGarbage(_ call: Call, _ done: @escaping (LeadOutcome) -> Void) {
        dispatcher.collectAll { index in
            guard let index else { return done(.notLeader) }
            var response = APIResponse.empty
            if index > 0 { response.writeIndex = index }
            done(.answered(response))
        }
    }
}
