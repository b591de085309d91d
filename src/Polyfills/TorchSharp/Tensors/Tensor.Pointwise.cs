namespace TorchSharp;

public static unsafe partial class torch
{
    public partial class Tensor
    {
        /// <summary>|x|, element by element.</summary>
        public Tensor abs() => Aten.abs.Call(this);

        /// <summary>|x|, element by element, in place.</summary>
        public Tensor abs_() => Aten.abs_.CallInPlace(this, this);

        /// <summary>−x, element by element.</summary>
        public Tensor neg() => Aten.neg.Call(this);

        /// <summary>−x, element by element, in place.</summary>
        public Tensor neg_() => Aten.neg_.CallInPlace(this, this);

        /// <summary>√x, element by element.</summary>
        public Tensor sqrt() => Aten.sqrt.Call(this);

        /// <summary>√x, element by element, in place.</summary>
        public Tensor sqrt_() => Aten.sqrt_.CallInPlace(this, this);

        /// <summary>1/√x, element by element.</summary>
        public Tensor rsqrt() => Aten.rsqrt.Call(this);

        /// <summary>1/√x, element by element, in place.</summary>
        public Tensor rsqrt_() => Aten.rsqrt_.CallInPlace(this, this);

        /// <summary>eˣ, element by element.</summary>
        public Tensor exp() => Aten.exp.Call(this);

        /// <summary>eˣ, element by element, in place.</summary>
        public Tensor exp_() => Aten.exp_.CallInPlace(this, this);

        /// <summary>ln x, element by element.</summary>
        public Tensor log() => Aten.log.Call(this);

        /// <summary>ln x, element by element, in place.</summary>
        public Tensor log_() => Aten.log_.CallInPlace(this, this);

        /// <summary>log₂ x, element by element.</summary>
        public Tensor log2() => Aten.log2.Call(this);

        /// <summary>log₂ x, element by element, in place.</summary>
        public Tensor log2_() => Aten.log2_.CallInPlace(this, this);

        /// <summary>log₁₀ x, element by element.</summary>
        public Tensor log10() => Aten.log10.Call(this);

        /// <summary>log₁₀ x, element by element, in place.</summary>
        public Tensor log10_() => Aten.log10_.CallInPlace(this, this);

        /// <summary>ln(1 + x), element by element.</summary>
        public Tensor log1p() => Aten.log1p.Call(this);

        /// <summary>ln(1 + x), element by element, in place.</summary>
        public Tensor log1p_() => Aten.log1p_.CallInPlace(this, this);

        /// <summary>eˣ − 1, element by element.</summary>
        public Tensor expm1() => Aten.expm1.Call(this);

        /// <summary>eˣ − 1, element by element, in place.</summary>
        public Tensor expm1_() => Aten.expm1_.CallInPlace(this, this);

        /// <summary>sin x, element by element.</summary>
        public Tensor sin() => Aten.sin.Call(this);

        /// <summary>sin x, element by element, in place.</summary>
        public Tensor sin_() => Aten.sin_.CallInPlace(this, this);

        /// <summary>cos x, element by element.</summary>
        public Tensor cos() => Aten.cos.Call(this);

        /// <summary>cos x, element by element, in place.</summary>
        public Tensor cos_() => Aten.cos_.CallInPlace(this, this);

        /// <summary>tan x, element by element.</summary>
        public Tensor tan() => Aten.tan.Call(this);

        /// <summary>tan x, element by element, in place.</summary>
        public Tensor tan_() => Aten.tan_.CallInPlace(this, this);

        /// <summary>arcsin x, element by element.</summary>
        public Tensor asin() => Aten.asin.Call(this);

        /// <summary>arcsin x, element by element, in place.</summary>
        public Tensor asin_() => Aten.asin_.CallInPlace(this, this);

        /// <summary>arccos x, element by element.</summary>
        public Tensor acos() => Aten.acos.Call(this);

        /// <summary>arccos x, element by element, in place.</summary>
        public Tensor acos_() => Aten.acos_.CallInPlace(this, this);

        /// <summary>arctan x, element by element.</summary>
        public Tensor atan() => Aten.atan.Call(this);

        /// <summary>arctan x, element by element, in place.</summary>
        public Tensor atan_() => Aten.atan_.CallInPlace(this, this);

        /// <summary>tanh x, element by element.</summary>
        public Tensor tanh() => Aten.tanh.Call(this);

        /// <summary>tanh x, element by element, in place.</summary>
        public Tensor tanh_() => Aten.tanh_.CallInPlace(this, this);

        /// <summary>1/(1 + e⁻ˣ), element by element.</summary>
        public Tensor sigmoid() => Aten.sigmoid.Call(this);

        /// <summary>1/(1 + e⁻ˣ), element by element, in place.</summary>
        public Tensor sigmoid_() => Aten.sigmoid_.CallInPlace(this, this);

        /// <summary>The error function, element by element.</summary>
        public Tensor erf() => Aten.erf.Call(this);

        /// <summary>The error function, element by element, in place.</summary>
        public Tensor erf_() => Aten.erf_.CallInPlace(this, this);

        /// <summary>The inverse of the error function, element by element.</summary>
        public Tensor erfinv() => Aten.erfinv.Call(this);

        /// <summary>The inverse of the error function, element by element, in place.</summary>
        public Tensor erfinv_() => Aten.erfinv_.CallInPlace(this, this);

        /// <summary>⌊x⌋, element by element.</summary>
        public Tensor floor() => Aten.floor.Call(this);

        /// <summary>⌊x⌋, element by element, in place.</summary>
        public Tensor floor_() => Aten.floor_.CallInPlace(this, this);

        /// <summary>⌈x⌉, element by element.</summary>
        public Tensor ceil() => Aten.ceil.Call(this);

        /// <summary>⌈x⌉, element by element, in place.</summary>
        public Tensor ceil_() => Aten.ceil_.CallInPlace(this, this);

        /// <summary>x without its fraction, element by element.</summary>
        public Tensor trunc() => Aten.trunc.Call(this);

        /// <summary>x without its fraction, element by element, in place.</summary>
        public Tensor trunc_() => Aten.trunc_.CallInPlace(this, this);

        /// <summary>The fraction of x, element by element.</summary>
        public Tensor frac() => Aten.frac.Call(this);

        /// <summary>The fraction of x, element by element, in place.</summary>
        public Tensor frac_() => Aten.frac_.CallInPlace(this, this);

        /// <summary>The sign of x as −1, 0 or 1, element by element.</summary>
        public Tensor sign() => Aten.sign.Call(this);

        /// <summary>The sign of x as −1, 0 or 1, element by element, in place.</summary>
        public Tensor sign_() => Aten.sign_.CallInPlace(this, this);

        /// <summary>1/x, element by element.</summary>
        public Tensor reciprocal() => Aten.reciprocal.Call(this);

        /// <summary>1/x, element by element, in place.</summary>
        public Tensor reciprocal_() => Aten.reciprocal_.CallInPlace(this, this);

        /// <summary>x/(1 + e⁻ˣ), element by element.</summary>
        public Tensor silu() => Aten.silu.Call(this);

        /// <summary>x/(1 + e⁻ˣ), element by element, in place.</summary>
        public Tensor silu_() => Aten.silu_.CallInPlace(this, this);

        /// <summary>max(x, 0), element by element.</summary>
        public Tensor relu() => Aten.relu.Call(this);

        /// <summary>max(x, 0), element by element, in place.</summary>
        public Tensor relu_() => Aten.relu_.CallInPlace(this, this);

        /// <summary>x², element by element.</summary>
        public Tensor square() => Aten.square.Call(this);

        /// <summary>2ˣ, element by element.</summary>
        public Tensor exp2() => Aten.exp2.Call(this);

        /// <summary>x Φ(x) with the normal distribution Φ, element by element.</summary>
        public Tensor gelu() => Aten.gelu.Call(this);

        /// <summary>x rounded to so many decimals, halves to even.</summary>
        public Tensor round(long decimals = 0) => Aten.round_decimals.Call(this, decimals);

        /// <summary>x rounded to so many decimals, halves to even, in place.</summary>
        public Tensor round_(long decimals = 0) => Aten.round__decimals.CallInPlace(this, this, decimals);

        /// <summary>x + target, with broadcasting and type promotion.</summary>
        public Tensor add(Tensor target) => Aten.add_Tensor.Call(this, target);

        /// <summary>x + scalar.</summary>
        public Tensor add(Scalar scalar) => Aten.add_Scalar.Call(this, scalar);

        /// <summary>x + target, in place.</summary>
        public Tensor add_(Tensor target) => Aten.add__Tensor.CallInPlace(this, this, target);

        /// <summary>x + scalar, in place.</summary>
        public Tensor add_(Scalar scalar) => Aten.add__Scalar.CallInPlace(this, this, scalar);

        /// <summary>x − target, with broadcasting and type promotion.</summary>
        public Tensor sub(Tensor target) => Aten.sub_Tensor.Call(this, target);

        /// <summary>x − target.</summary>
        public Tensor sub(Scalar target) => Aten.sub_Scalar.Call(this, target);

        /// <summary>x − target, in place.</summary>
        public Tensor sub_(Tensor target) => Aten.sub__Tensor.CallInPlace(this, this, target);

        /// <summary>x − target, in place.</summary>
        public Tensor sub_(Scalar target) => Aten.sub__Scalar.CallInPlace(this, this, target);

        /// <summary>x + alpha · target.</summary>
        public Tensor add(Tensor target, Scalar alpha) => Aten.add_Tensor.Call(this, target, alpha);

        /// <summary>x + alpha · scalar.</summary>
        public Tensor add(Scalar scalar, Scalar alpha) => Aten.add_Scalar.Call(this, scalar, alpha);

        /// <summary>x + alpha · target, in place.</summary>
        public Tensor add_(Tensor target, Scalar alpha) => Aten.add__Tensor.CallInPlace(this, this, target, alpha);

        /// <summary>x + alpha · scalar, in place.</summary>
        public Tensor add_(Scalar scalar, Scalar alpha) => Aten.add__Scalar.CallInPlace(this, this, scalar, alpha);

        /// <summary>x · target, with broadcasting and type promotion.</summary>
        public Tensor mul(Tensor target) => Aten.mul_Tensor.Call(this, target);

        /// <summary>x · target.</summary>
        public Tensor mul(Scalar target) => Aten.mul_Scalar.Call(this, target);

        /// <summary>x · target, in place.</summary>
        public Tensor mul_(Tensor target) => Aten.mul__Tensor.CallInPlace(this, this, target);

        /// <summary>x · target, in place.</summary>
        public Tensor mul_(Scalar target) => Aten.mul__Scalar.CallInPlace(this, this, target);

        /// <summary>x / target, rounded as asked.</summary>
        public Tensor div(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => Aten.div_Tensor_mode.Call(this, target, rounding_mode.Name());

        /// <summary>x / target, rounded as asked, in place.</summary>
        public Tensor div_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => Aten.div__Tensor_mode.CallInPlace(this, this, target, rounding_mode.Name());

        /// <summary>x to the power of exponent.</summary>
        public Tensor pow(Tensor exponent) => Aten.pow_Tensor_Tensor.Call(this, exponent);

        /// <summary>x to the power of exponent, in place.</summary>
        public Tensor pow_(Tensor exponent) => Aten.pow__Tensor.CallInPlace(this, this, exponent);

        /// <summary>x modulo the divisor, with the sign of the divisor.</summary>
        public Tensor remainder(Tensor target) => Aten.remainder_Tensor.Call(this, target);

        /// <summary>x modulo the divisor, with the sign of x.</summary>
        public Tensor fmod(Tensor target) => Aten.fmod_Tensor.Call(this, target);

        /// <summary>x / target, rounded as asked.</summary>
        public Tensor div(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => Aten.div_Scalar_mode.Call(this, target, rounding_mode.Name());

        /// <summary>x / target, rounded as asked, in place.</summary>
        public Tensor div_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => Aten.div__Scalar_mode.CallInPlace(this, this, target, rounding_mode.Name());

        /// <summary>x to the power of exponent.</summary>
        public Tensor pow(Scalar exponent) => Aten.pow_Tensor_Scalar.Call(this, exponent);

        /// <summary>x to the power of exponent, in place.</summary>
        public Tensor pow_(Scalar exponent) => Aten.pow__Scalar.CallInPlace(this, this, exponent);

        /// <summary>x modulo the divisor, with the sign of the divisor.</summary>
        public Tensor remainder(Scalar scalar) => Aten.remainder_Scalar.Call(this, scalar);

        /// <summary>x modulo the divisor, with the sign of x.</summary>
        public Tensor fmod(Scalar scalar) => Aten.fmod_Scalar.Call(this, scalar);

        /// <summary>x limited to min…max; an absent bound does not limit.</summary>
        public Tensor clamp(Scalar? min = null, Scalar? max = null) => Aten.clamp.Call(this, min, max);

        /// <summary>x limited to min…max, element by element; an absent bound does not limit.</summary>
        public Tensor clamp(Tensor? min = null, Tensor? max = null) => Aten.clamp_Tensor.Call(this, min, max);

        /// <summary>x limited to min…max, in place; an absent bound does not limit.</summary>
        public Tensor clamp_(Scalar? min = null, Scalar? max = null) => Aten.clamp_.CallInPlace(this, this, min, max);

        /// <summary>x limited to min…max, in place, element by element; an absent bound does not limit.</summary>
        public Tensor clamp_(Tensor? min = null, Tensor? max = null) => Aten.clamp__Tensor.CallInPlace(this, this, min, max);

        /// <summary>x limited to min…max; an absent bound does not limit.</summary>
        public Tensor clip(Scalar? min = null, Scalar? max = null) => Aten.clamp.Call(this, min, max);

        /// <summary>max(x, min), element by element.</summary>
        public Tensor clamp_min(Scalar min) => Aten.clamp_min.Call(this, min);

        /// <summary>min(x, max), element by element.</summary>
        public Tensor clamp_max(Scalar max) => Aten.clamp_max.Call(this, max);

        /// <summary>max(x, min), element by element, in place.</summary>
        public Tensor clamp_min_(Scalar min) => Aten.clamp_min_.CallInPlace(this, this, min);

        /// <summary>min(x, max), element by element, in place.</summary>
        public Tensor clamp_max_(Scalar max) => Aten.clamp_max_.CallInPlace(this, this, max);

        /// <summary>x + weight · (end − x).</summary>
        public Tensor lerp(Tensor end, Tensor weight) => Aten.lerp_Tensor.Call(this, end, weight);

        /// <summary>x + weight · (end − x), in place.</summary>
        public Tensor lerp_(Tensor end, Tensor weight) => Aten.lerp__Tensor.CallInPlace(this, this, end, weight);

        /// <summary>x + value · tensor1 · tensor2.</summary>
        public Tensor addcmul(Tensor tensor1, Tensor tensor2, Scalar value) => Aten.addcmul.Call(this, tensor1, tensor2, value);

        /// <summary>x + value · tensor1 · tensor2, in place.</summary>
        public Tensor addcmul_(Tensor tensor1, Tensor tensor2, Scalar value) => Aten.addcmul_.CallInPlace(this, this, tensor1, tensor2, value);

        /// <summary>x + value · tensor1 / tensor2.</summary>
        public Tensor addcdiv(Tensor tensor1, Tensor tensor2, Scalar value) => Aten.addcdiv.Call(this, tensor1, tensor2, value);

        /// <summary>x + value · tensor1 / tensor2, in place.</summary>
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2, Scalar value) => Aten.addcdiv_.CallInPlace(this, this, tensor1, tensor2, value);

        /// <summary>x + tensor1 / tensor2.</summary>
        public Tensor addcdiv(Tensor tensor1, Tensor tensor2) => Aten.addcdiv.Call(this, tensor1, tensor2);

        /// <summary>x + tensor1 / tensor2, in place.</summary>
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2) => Aten.addcdiv_.CallInPlace(this, this, tensor1, tensor2);

        /// <summary>The larger of both, element by element; NaN wins.</summary>
        public Tensor maximum(Tensor other) => Aten.maximum.Call(this, other);

        /// <summary>The smaller of both, element by element; NaN wins.</summary>
        public Tensor minimum(Tensor other) => Aten.minimum.Call(this, other);

        /// <summary>√(x² + other²), element by element.</summary>
        public Tensor hypot(Tensor other) => Aten.hypot.Call(this, other);

        /// <summary>The angle of the point (other, x), element by element.</summary>
        public Tensor atan2(Tensor other) => Aten.atan2.Call(this, other);

        /// <summary>x with NaN and infinities replaced; by default 0 and the largest finite numbers.</summary>
        public Tensor nan_to_num(double nan = 0, double? posinf = null, double? neginf = null) => Aten.nan_to_num.Call(this, nan, posinf, neginf);

        /// <summary>x where condition holds, y elsewhere.</summary>
        public Tensor where(Tensor condition, Tensor y) => Aten.where_self.Call(condition, this, y);
    }
}
