//! Numbers of four or eight bytes, as the encoders see them: bits, whatever these mean.

use super::bounds::Order;
use super::vectors::with_vectors;

/// `u32` for INT32 and FLOAT, `u64` for INT64 and DOUBLE.
pub trait Number: Copy + Default + Eq + Send + Sync + 'static {
    /// The same bits, ordered with a sign.
    type Signed: Copy + Ord;
    const WIDTH: usize;
    /// The sign bit.
    const TOP: Self;
    /// The bits of an infinite float.
    const INFINITE: Self;

    fn bits(self) -> u64;
    /// Its low bits.
    fn of(bits: u64) -> Self;
    fn xor(self, other: Self) -> Self;
    fn signed(self) -> Self::Signed;
    fn of_signed(signed: Self::Signed) -> Self;

    /// Itself, or all bits but the sign turned if that is set: IEEE 754's total order, signed. Its own inverse.
    fn total_order(self) -> Self;
}

macro_rules! number {
    ($number:ty, $signed:ty, $float:ty) => {
        impl Number for $number {
            type Signed = $signed;
            const WIDTH: usize = size_of::<$number>();
            const TOP: Self = 1 << (<$number>::BITS - 1);
            const INFINITE: Self = <$float>::INFINITY.to_bits();

            #[inline(always)]
            fn bits(self) -> u64 {
                self.into()
            }

            #[inline(always)]
            fn of(bits: u64) -> Self {
                bits as $number
            }

            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                self ^ other
            }

            #[inline(always)]
            fn signed(self) -> $signed {
                self as $signed
            }

            #[inline(always)]
            fn of_signed(signed: $signed) -> Self {
                signed as $number
            }

            #[inline(always)]
            fn total_order(self) -> Self {
                self ^ ((self as $signed >> (<$number>::BITS - 1)) as $number >> 1)
            }
        }
    };
}

number!(u32, i32, f32);
number!(u64, i64, f64);

/// The bytes of some numbers, as PLAIN has them.
pub fn plain<T: Number>(numbers: &[T]) -> &[u8] {
    // SAFETY: `u32` and `u64` have no padding.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

/// The least, the greatest, and how many are NaN. NaNs are bounds only of NaNs alone.
pub fn range<T: Number>(numbers: &[T], order: Order) -> Option<(T, T, u64)> {
    let (least, greatest) = ends(numbers, order)?;
    let is_float = matches!(order, Order::Float | Order::Double);
    let is_nan = |n: T| is_float && n.xor(T::of(n.bits() & T::TOP.bits())).bits() > T::INFINITE.bits();
    // In the total order, they lie beyond the infinities.
    if !is_nan(least) && !is_nan(greatest) {
        return Some((least, greatest, 0));
    }
    let others: Vec<T> = numbers.iter().copied().filter(|&n| !is_nan(n)).collect();
    let (least, greatest) = ends(&others, order).unwrap_or((least, greatest));
    Some((least, greatest, (numbers.len() - others.len()) as u64))
}

/// The least and the greatest.
fn ends<T: Number>(numbers: &[T], order: Order) -> Option<(T, T)> {
    with_vectors!(ends_portable::<T: Number>(numbers: &[T], order: Order) -> Option<(T, T)>)
}

#[inline(always)]
fn ends_portable<T: Number>(numbers: &[T], order: Order) -> Option<(T, T)> {
    match order {
        Order::Int32 | Order::Int64 | Order::Bytes => ends_by(numbers, |n| n),
        Order::Uint32 | Order::Uint64 => ends_by(numbers, |n| n.xor(T::TOP)),
        Order::Float | Order::Double => ends_by(numbers, T::total_order),
    }
}

/// By a key that is ordered with a sign, and whose key is the number again.
#[inline(always)]
fn ends_by<T: Number>(numbers: &[T], key: impl Fn(T) -> T) -> Option<(T, T)> {
    // Enough at a time that none waits for the one before.
    const LANES: usize = 32;
    let first = key(*numbers.first()?).signed();
    let (mut min, mut max) = ([first; LANES], [first; LANES]);
    let (chunks, rest) = numbers.as_chunks::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            let key = key(chunk[i]).signed();
            min[i] = min[i].min(key);
            max[i] = max[i].max(key);
        }
    }
    let (mut least, mut greatest) = (first, first);
    for key in rest.iter().map(|&n| key(n).signed()).chain(min).chain(max) {
        least = least.min(key);
        greatest = greatest.max(key);
    }
    Some((key(T::of_signed(least)), key(T::of_signed(greatest))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same with and without vectors.
    fn same_ends<T: Number + std::fmt::Debug>(numbers: &[T]) {
        for order in [Order::Int64, Order::Uint64, Order::Double] {
            assert_eq!(ends(numbers, order), ends_portable(numbers, order));
        }
    }

    proptest! {
        #[test]
        fn ranges_are_those_of_a_sort(numbers in prop::collection::vec(any::<u32>(), 1..150)) {
            let mut signed: Vec<_> = numbers.iter().map(|&n| n as i32).collect();
            signed.sort();
            let range_of = |order| range(&numbers, order).unwrap();
            prop_assert_eq!(range_of(Order::Int32), (signed[0] as u32, *signed.last().unwrap() as u32, 0));
            let (min, max) = (*numbers.iter().min().unwrap(), *numbers.iter().max().unwrap());
            prop_assert_eq!(range_of(Order::Uint32), (min, max, 0));
            same_ends(&numbers);
            same_ends(&numbers.iter().map(|&n| u64::from(n) << 32 | u64::from(!n)).collect::<Vec<_>>());
        }

        #[test]
        fn float_ranges_leave_nans_out(
            floats in prop::collection::vec(
                prop_oneof![any::<f64>(), Just(f64::NAN), Just(-f64::NAN), Just(0.0), Just(-0.0)], 1..150)
        ) {
            let numbers: Vec<u64> = floats.iter().map(|f| f.to_bits()).collect();
            let mut sorted = floats.clone();
            if sorted.iter().any(|f| !f.is_nan()) {
                sorted.retain(|f| !f.is_nan());
            }
            sorted.sort_by(f64::total_cmp);
            let nans = floats.iter().filter(|f| f.is_nan()).count() as u64;
            let expected = (sorted[0].to_bits(), sorted.last().unwrap().to_bits(), nans);
            prop_assert_eq!(range(&numbers, Order::Double).unwrap(), expected);
        }
    }
}
