// SPDX-License-Identifier: Apache-2.0
import MartletStorage
import MartletTransport

extension Lane {
    /// Work on a store, off the loop; what became of it comes back to the loop.
    func attempt<Value: Sendable>(
        _ work: @escaping @Sendable () throws(StoreError) -> Value,
        then: @escaping (Result<Value, StoreError>) -> Void
    ) {
        submit(
            { () -> Result<Value, StoreError> in
                do throws(StoreError) {
                    return .success(try work())
                } catch {
                    return .failure(error)
                }
            }, then: then)
    }
}
