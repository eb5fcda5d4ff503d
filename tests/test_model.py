"""The model's loss is minus the log joint density, and its gradient the derivative of that."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from problems import CASES, assert_close, assert_is_derivative, log_density, random_problem
from scipy.stats import multivariate_normal, norm

from minilaplace import MLP, BayesianModel, Bernoulli, BradleyTerry, Categorical, Gaussian

NETWORK = MLP(2, 3, 1)  # 13 parameters
PRIORS = {
    "default": lambda P: {},
    "scalars": lambda P: {"prior_precision": 0.3, "prior_mean": -0.7},
    "vectors": lambda P: {"prior_precision": np.linspace(0.1, 3, P), "prior_mean": np.cos(np.arange(P))},
}


@pytest.fixture(params=PRIORS)
def prior(request):
    """Return a function from P to a prior's arguments."""
    return PRIORS[request.param]


def with_prior(problem, prior):
    network, likelihood = problem.model.network, problem.model.likelihood
    return problem._replace(model=BayesianModel(network, likelihood, **prior(network.n_params)))


def test_loss_is_the_summed_nll_plus_the_quadratic_of_the_prior(prior):
    model, theta, X, y = with_prior(random_problem(), prior)
    P = len(theta)
    given = {"prior_precision": 1.0, "prior_mean": 0.0, **prior(P)}
    precision, mean = np.ones(P) * given["prior_precision"], np.ones(P) * given["prior_mean"]
    quadratic = sum(0.5 * precision[p] * (theta[p] - mean[p]) ** 2 for p in range(P))
    nll = model.likelihood.nll(model.network.forward(theta, X), y)
    assert isinstance(model.loss(theta, X, y), float)
    assert_close(model.loss(theta, X, y), sum(nll) + quadratic, rtol=1e-14)


@pytest.mark.parametrize(("likelihood", "n_outputs"), [("bernoulli", 1), ("categorical", 3), ("gaussian", 2)])
def test_loss_is_minus_the_log_joint_density_up_to_a_constant(likelihood, n_outputs, prior):
    model, theta, X, y = with_prior(random_problem(likelihood, n_outputs=n_outputs), prior)

    def log_joint(t):
        prior_density = norm(model.prior_mean, np.power(model.prior_precision, -0.5))
        log_prior = sum(prior_density.logpdf(t))
        return log_density(model.likelihood, model.network.forward(t, X), y).sum() + log_prior

    others = np.random.default_rng(1).normal(size=(5, len(theta)))
    constants = [log_joint(t) + model.loss(t, X, y) for t in (theta, *others)]
    assert_close(constants, np.full(6, constants[0]))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient_is_the_derivative_of_the_loss(case):
    model, theta, X, y = with_prior(random_problem(*case), PRIORS["vectors"])
    assert_is_derivative(model.gradient(theta, X, y), lambda t: model.loss(t, X, y), theta)


def test_loss_and_gradient_are_loss_and_gradient():
    model, *at = random_problem(prior_precision=0.3, prior_mean=0.2)
    loss, gradient = model.loss_and_gradient(*at)
    assert loss == model.loss(*at)
    np.testing.assert_array_equal(gradient, model.gradient(*at))


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_shares_of_mini_batches_add_up_to_the_whole(likelihood):
    model, theta, X, y = random_problem(likelihood, n_samples=10, prior_precision=0.3, prior_mean=0.2)
    batches = [slice(0, 5), slice(5, 7), slice(7, 10)]
    parts = [model.loss_and_gradient(theta, X[b], y[b], share=len(X[b]) / len(X)) for b in batches]
    loss, gradient = (sum(part) for part in zip(*parts, strict=True))
    assert_close(loss, model.loss(theta, X, y))
    assert_close(gradient, model.gradient(theta, X, y))


def test_an_empty_share_leaves_the_prior_out():
    model, theta, X, y = random_problem(prior_precision=0.3)
    loss, gradient = model.loss_and_gradient(theta, X, y, share=0.0)
    likelihood, f = model.likelihood, model.network.forward(theta, X)
    assert_close(loss, likelihood.nll(f, y).sum(), rtol=1e-14)
    jacobian = model.network.jacobian(theta, X)
    assert_close(gradient, np.einsum("nc,ncp->p", likelihood.gradient(f, y), jacobian), rtol=1e-14)


def test_the_prior_over_some_parameters_is_theirs(prior):
    model, at = BayesianModel(NETWORK, Bernoulli(), **prior(13)), np.array([7, 0, 12])
    np.testing.assert_array_equal(model.prior_over(at), (np.ones(13) * prior(13).get("prior_precision", 1.0))[at])
    np.testing.assert_array_equal(
        model.prior_mean_over(at, np.ones(13)), (np.ones(13) * prior(13).get("prior_mean", 0.0))[at]
    )


@pytest.mark.parametrize("at", [[7, 0, 12], [*range(5), *range(12, 5, -1)], range(13)], ids=["some", "but one", "all"])
def test_a_prior_matrix_over_some_parameters_is_the_others_given(at):
    # The reference is the joint density: as a function of some parameters it is N(mean, precision^-1) up to a factor.
    rng = np.random.default_rng(0)
    A = rng.normal(size=(13, 13))
    model = BayesianModel(NETWORK, Bernoulli(), A @ A.T + np.eye(13), rng.normal(size=13))
    at, theta = np.array(at), rng.normal(size=13)
    joint = multivariate_normal(model.prior_mean, np.linalg.inv(model.prior_precision))
    given = multivariate_normal(model.prior_mean_over(at, theta), np.linalg.inv(model.prior_over(at)))
    others = [joint.logpdf(moved(theta, at, z)) - given.logpdf(z) for z in rng.normal(size=(5, len(at)))]
    assert_close(others, np.full(5, others[0]), rtol=1e-10)


@pytest.mark.parametrize("new_is_diagonal", [False, True])
@pytest.mark.parametrize("kind", ["number", "vector", "matrix"])
def test_another_prior_of_some_parameters_leaves_that_of_the_others(kind, new_is_diagonal):
    rng = np.random.default_rng(1)
    A, B = rng.normal(size=(13, 13)), np.eye(3) if new_is_diagonal else rng.normal(size=(3, 3))
    prior = {"number": 0.3, "vector": np.linspace(0.1, 3, 13), "matrix": A @ A.T + np.eye(13)}[kind]
    model = BayesianModel(NETWORK, Bernoulli(), prior, rng.normal(size=13))
    at, theta, mean, precision = np.array([7, 0, 12]), rng.normal(size=13), rng.normal(size=3), B @ B.T + np.eye(3)
    new, others = model.with_prior_over(at, precision, mean, theta), np.setdiff1d(np.arange(13), at)
    before, after = (whole(m.prior_over(np.arange(13))) for m in (model, new))
    assert_close(after[np.ix_(at, at)], precision)
    assert_close(new.prior_mean_over(at, theta), mean, rtol=1e-10)
    assert_close(*(np.linalg.inv(m)[np.ix_(others, others)] for m in (after, before)), rtol=1e-9)
    np.testing.assert_array_equal(new.prior_mean[others], model.prior_mean[others])
    assert np.ndim(new.prior_precision) == (1 if kind != "matrix" and new_is_diagonal else 2)


def whole(precision):
    """Return a precision (P,) or (P, P) as a matrix."""
    return np.diag(precision) if precision.ndim == 1 else precision


def moved(theta, at, z):
    """Return theta with z in these places."""
    theta = theta.copy()
    theta[at] = z
    return theta


def test_a_precision_for_each_layer_is_one_for_each_of_its_parameters():
    model = BayesianModel(NETWORK, Bernoulli(), [2.0, 5.0])
    np.testing.assert_array_equal(model.prior_precision, [2.0] * 9 + [5.0] * 4)


def test_a_prior_matrix_is_the_quadratic_form_of_the_loss():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(13, 13))
    precision, mean, theta = A @ A.T + np.eye(13), rng.normal(size=13), rng.normal(size=13)
    model = BayesianModel(NETWORK, Bernoulli(), precision, mean)
    X, y = rng.normal(size=(4, 2)), np.array([0, 1, 1, 0])
    nll = model.likelihood.nll(NETWORK.forward(theta, X), y).sum()
    assert model.loss(theta, X, y) == pytest.approx(nll + 0.5 * (theta - mean) @ precision @ (theta - mean), rel=1e-13)
    assert_is_derivative(model.gradient(theta, X, y), lambda t: model.loss(t, X, y), theta)
    np.testing.assert_array_equal(model.prior_over(np.array([3, 1])), precision[np.ix_([3, 1], [3, 1])])


@pytest.mark.parametrize("name", ["network", "likelihood", "prior_precision", "prior_mean", "something_new"])
def test_a_model_is_frozen(name):
    with pytest.raises(FrozenInstanceError):
        setattr(BayesianModel(NETWORK, Bernoulli()), name, 2.0)


@pytest.mark.parametrize("name", ["prior_precision", "prior_mean"])
def test_prior_vectors_are_copied_and_read_only(name):
    mine = np.full(13, 2.0)
    model = BayesianModel(NETWORK, Bernoulli(), **{name: mine})
    mine[0] = 5.0  # still writable, and no longer the model's
    np.testing.assert_array_equal(getattr(model, name), np.full(13, 2.0))
    with pytest.raises(ValueError, match="read-only"):
        getattr(model, name)[0] = 5.0


def test_checked_parameters_and_data_come_back_as_floats_and_parameters_as_a_copy():
    model, theta = BayesianModel(NETWORK, Bernoulli()), np.zeros(13)
    checked = model.check_theta(theta)
    assert not np.shares_memory(checked, theta)
    np.testing.assert_array_equal(checked, theta)
    X, y = model.check_data([[1, 2], [3, 4]], [True, False])
    assert (X.dtype, X.tolist(), y.tolist()) == (np.float64, [[1, 2], [3, 4]], [1, 0])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"network": (2, 3, 1)}, TypeError, r"network: expected an MLP, received \(2, 3, 1\)"),
        ({"likelihood": "bernoulli"}, TypeError, r"likelihood: expected a likelihood .*, received 'bernoulli'"),
        ({"likelihood": Bernoulli}, TypeError, "likelihood: expected .* received <class"),
        (
            {"network": MLP(2, 2), "likelihood": BradleyTerry()},
            ValueError,
            "network: expected 1 output .* for BradleyTerry, received 2 outputs",
        ),
        ({"likelihood": Categorical()}, ValueError, "network: expected 2 outputs or more for Categorical .*received 1"),
        ({"prior_precision": 0}, ValueError, "prior_precision: expected a finite number greater than 0, received 0"),
        ({"prior_precision": -1.0}, ValueError, "prior_precision: .* received -1.0"),
        ({"prior_precision": np.nan}, ValueError, "prior_precision: .* received nan"),
        ({"prior_precision": np.inf}, ValueError, "prior_precision: .* received inf"),
        ({"prior_precision": "weak"}, TypeError, "prior_precision: expected real numbers, .* received dtype"),
        ({"prior_precision": None}, TypeError, "prior_precision: expected real numbers, .* received None"),
        (
            {"prior_precision": np.ones(12)},
            ValueError,
            r"prior_precision: .* \(13,\) for parameters, .* shape \(12,\)",
        ),
        ({"prior_precision": np.ones((12, 12))}, ValueError, r"prior_precision: .* received shape \(12, 12\)"),
        ({"prior_precision": np.arange(13)}, ValueError, "prior_precision: expected positive numbers, .* 0 at index 0"),
        ({"prior_precision": [2.0, -1]}, ValueError, "prior_precision: expected positive numbers, .* -1 at index 1"),
        ({"prior_precision": [1.0, [1.0, 2.0]]}, ValueError, "prior_precision: .* received rows of different lengths"),
        ({"prior_mean": np.nan}, ValueError, "prior_mean: expected a finite number, received nan"),
        ({"prior_mean": np.zeros(14)}, ValueError, r"prior_mean: expected shape \(13,\), received shape \(14,\)"),
        (
            {"prior_mean": np.full(13, np.inf)},
            ValueError,
            r"prior_mean: expected finite numbers, .*inf at index 0",
        ),
        ({"prior_mean": [1.0, [1.0, 2.0]]}, ValueError, "prior_mean: .* received rows of different lengths"),
    ],
)
def test_impossible_models_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        BayesianModel(**{"network": NETWORK, "likelihood": Bernoulli(), **arguments})


@pytest.mark.parametrize(
    ("theta", "X", "y", "message"),
    [
        (np.ones(12), np.ones((4, 2)), np.ones((4, 1)), r"theta: expected shape \(13,\), received shape \(12,\)"),
        (np.ones(13), np.ones((4, 3)), np.ones((4, 1)), r"X: expected shape \(N, 2\), received shape \(4, 3\)"),
        (np.ones(13), np.ones((4, 2)), np.ones((4, 2)), r"y: expected shape \(4, 1\), received shape \(4, 2\)"),
        (np.ones(13), np.ones((4, 2)), np.ones(3), r"y: expected shape \(4, 1\), received shape \(3, 1\)"),
    ],
)
def test_inner_loops_name_wrong_shapes(theta, X, y, message):
    model = BayesianModel(NETWORK, Gaussian())
    for method in (model.loss, model.gradient, model.loss_and_gradient):
        with pytest.raises(ValueError, match=message):
            method(theta, X, y)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Categorical(), Gaussian(0.5)], ids=repr)
@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e3])
def test_numpys_setting_for_numbers_that_underflow_does_not_stop_the_loss(likelihood, scale):
    rng = np.random.default_rng(3)
    model = BayesianModel(MLP(2, 4, 3 if isinstance(likelihood, Categorical) else 1), likelihood)
    theta, X, y = scale * rng.normal(size=model.network.n_params), rng.normal(size=(20, 2)), rng.integers(0, 2, 20)
    y = y[:, None].astype(float) if isinstance(likelihood, Gaussian) else y
    expected = model.loss(theta, X, y), model.gradient(theta, X, y)
    with np.errstate(all="raise"):
        received = model.loss(theta, X, y), model.gradient(theta, X, y)
    assert received[0] == expected[0]
    assert np.array_equal(received[1], expected[1])
