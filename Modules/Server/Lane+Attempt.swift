// SPDX-License-Identifier: Apache-2.0
import MartletTransport

extension Lane {
    /// Work on a store or a file, off the loop; what became of it comes back to the loop.
    ///
    /// Part of whoever calls it: code for any type looks up what it works with each time.
    @inline(__always)
    func attempt<Value: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Value,
        then: @escaping (Result<Value, Failure>) -> Void
    ) {
        submit(
            { () -> Result<Value, Failure> in
                do throws(Failure) {
                    return .success(try work())
                } catch {
                    return .failure(error)
                }
            }, then: then)
    }
}
