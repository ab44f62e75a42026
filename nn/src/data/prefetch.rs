//! Batches that are made while the one before is trained on.

/// Makes something of each item on a thread, up to `ahead` items (and 1024 at most) before they are asked for, and hands the results to `with`
/// in the order of the items. What is made does not depend on whether there is a thread: without `std`, or where the system
/// gives none, each item is made when it is asked for.
///
/// ```
/// use tress_nn::Batches;
/// use tress_nn::data::{Dataset, prefetched};
/// use tress_tensor::Tensor;
///
/// let data = Dataset::new().numbers("x", Tensor::from_fn([10, 2], |i| i[0] as f32)?)?;
/// let batches = Batches::new(10, 4)?.shuffled(7, 0);
/// let mut rows = 0;
/// prefetched(batches.iter(), 2, |batch| data.rows(batch), |made| {
///     for batch in made {
///         rows += batch?.len();
///     }
///     Ok::<(), tress_nn::Error>(())
/// })?;
/// assert_eq!(rows, 10);
/// # Ok::<(), tress_nn::Error>(())
/// ```
pub fn prefetched<I: Send, M: Send, R>(
    items: impl Iterator<Item = I> + Send,
    ahead: usize,
    make: impl Fn(I) -> M + Send + Sync,
    with: impl FnOnce(&mut dyn Iterator<Item = M>) -> R,
) -> R {
    #[cfg(feature = "std")]
    {
        threaded(items, ahead, make, with)
    }
    #[cfg(not(feature = "std"))]
    {
        let _ = ahead;
        with(&mut items.map(make))
    }
}

/// What waits has a place set aside, filled or not.
#[cfg(feature = "std")]
const MOST_AHEAD: usize = 1024;

#[cfg(feature = "std")]
fn threaded<I: Send, M: Send, R>(
    items: impl Iterator<Item = I> + Send,
    ahead: usize,
    make: impl Fn(I) -> M + Send + Sync,
    with: impl FnOnce(&mut dyn Iterator<Item = M>) -> R,
) -> R {
    use std::sync::{Mutex, mpsc};
    use std::thread;

    // The thread takes the items out when it begins; if it never does, they are still here.
    let items = Mutex::new(Some(items));
    let taken = || items.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
    let (taken, make) = (&taken, &make);
    // One is made ahead by the thread itself, while it waits for room.
    let (send, receive) = mpsc::sync_channel(ahead.min(MOST_AHEAD).saturating_sub(1));
    thread::scope(|scope| {
        // It owns the sender: when it ends, so does what is received.
        let work = move || {
            for item in taken().into_iter().flatten() {
                if send.send(make(item)).is_err() {
                    return; // nobody asks any more: an error, or an early end
                }
            }
        };
        let spawned = match ahead {
            0 => None,
            _ => thread::Builder::new().name("tress prefetch".into()).spawn_scoped(scope, work).ok(),
        };
        match spawned {
            Some(_) => with(&mut receive.into_iter()),
            None => with(&mut taken().into_iter().flatten().map(make)),
        }
    })
}
