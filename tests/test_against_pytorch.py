"""PyTorch's automatic differentiation and minilaplace's hand-written derivatives give the same numbers.

`record_pytorch.py` wrote the numbers and describes them: every activation with every likelihood, none to
three hidden layers, one to four outputs, and the post's own network.
"""

from pathlib import Path

import numpy as np
import pytest

from minilaplace import MLP, BayesianModel, Bernoulli, Categorical, Gaussian
from minilaplace.curvature import empirical_fisher, ggn, hessian

with np.load(Path(__file__).with_name("pytorch_autograd.npz")) as file:
    RECORDS = dict(file)
SIGMA_NOISE = float(RECORDS.pop("sigma_noise"))
RECORDS.pop("versions")
POST = RECORDS.pop("post")
LIKELIHOODS = {"bernoulli": Bernoulli(), "categorical": Categorical(), "gaussian": Gaussian(SIGMA_NOISE)}
PRIOR_PRECISION = 0.3  # not recorded: the curvatures must not contain it, the gradient of the model must


class Case:
    """One recorded case: `case["jacobian"]` is PyTorch's, the attributes are minilaplace's objects for it."""

    def __init__(self, record):
        self.record = record
        self.network = MLP(*self["sizes"].tolist(), activation=str(self["activation"]))
        self.likelihood = LIKELIHOODS[str(self["likelihood"])]
        self.model = BayesianModel(self.network, self.likelihood, prior_precision=PRIOR_PRECISION)
        self.data = self["theta"], self["X"], self["y"]

    def __getitem__(self, name):
        return np.array(self.record[name])

    def symmetric(self, name):
        """A (P, P) matrix from its recorded lower triangle."""
        P = len(self["theta"])
        matrix = np.zeros((P, P))
        matrix[np.tril_indices(P)] = self[name]
        return matrix + np.tril(matrix, -1).T


@pytest.fixture(params=RECORDS)
def case(request):
    return Case(RECORDS[request.param])


def assert_agree(ours, recorded):
    """Equal to 1e-10 of the largest entry, in shape too.

    The norm is the largest entry because entries are sums that may cancel, which leaves the small ones no
    relative accuracy of their own; 1e-10 is far above rounding and far below any error in a formula. The
    absolute 1e-14 is rounding, for a result that is zero as a whole.
    """
    assert np.shape(ours) == np.shape(recorded)
    np.testing.assert_allclose(ours, recorded, rtol=0, atol=1e-10 * np.abs(recorded).max() + 1e-14)


def test_the_recorded_cases_cover_activations_likelihoods_depths_and_outputs():
    cases = [Case(record) for record in RECORDS.values()]
    combinations = {(str(c["activation"]), str(c["likelihood"])) for c in cases}
    assert len(combinations) == 7 * 3
    assert {len(c["sizes"]) - 2 for c in cases} == {0, 1, 2, 3}
    assert {int(c["sizes"][-1]) for c in cases} == {1, 2, 3, 4}


def test_theta_has_the_length_of_parameters_to_vector(case):
    assert case.network.n_params == len(case["theta"])


def test_outputs_are_those_of_the_pytorch_modules(case):
    assert_agree(case.network.forward(case["theta"], case["X"]), case["outputs"])


def test_jacobian_is_autograds(case):
    assert_agree(case.network.jacobian(case["theta"], case["X"]), case["jacobian"])


def test_backward_is_autograds_vector_jacobian_product(case):
    assert_agree(case.network.backward(case["theta"], case["X"], case["G"]), case["vjp"])


def test_second_order_is_autograds_hessian_of_the_weighted_outputs(case):
    second_order = case.network.second_order(case["theta"], case["X"], case["G"])
    assert_agree(second_order, case.symmetric("second_order"))


def test_nll_is_minus_log_prob_with_its_normaliser(case):
    assert_agree(case.likelihood.nll(case["outputs"], case["y"]), case["nll"])


def test_likelihood_gradient_is_autograds(case):
    assert_agree(case.likelihood.gradient(case["outputs"], case["y"]), case["gradient"])


def test_likelihood_hessian_is_autograds(case):
    assert_agree(case.likelihood.hessian(case["outputs"], case["y"]), case["hessian"])


def test_model_loss_is_the_summed_nll_plus_the_prior(case):
    theta = case["theta"]
    assert_agree(case.model.loss(*case.data), case["nll"].sum() + PRIOR_PRECISION / 2 * theta @ theta)


def test_model_gradient_is_autograds_plus_the_priors(case):
    assert_agree(case.model.gradient(*case.data), case["loss_gradient"] + PRIOR_PRECISION * case["theta"])


def test_hessian_is_autograds_without_the_prior(case):
    assert_agree(hessian(case.model, *case.data), case.symmetric("loss_hessian"))


def test_ggn_is_the_one_of_autograds_jacobians(case):
    assert_agree(ggn(case.model, *case.data), case.symmetric("ggn"))


def test_empirical_fisher_is_the_one_of_autograds_per_sample_gradients(case):
    assert_agree(empirical_fisher(case.model, *case.data), case.symmetric("empirical_fisher"))


def test_hessian_of_the_posts_network_is_autograds():
    model = BayesianModel(MLP(2, 32, 1, activation="sigmoid"), Bernoulli(), prior_precision=PRIOR_PRECISION)
    H = hessian(model, *(np.array(POST[name]) for name in ("theta", "X", "y")))
    assert_agree(np.diag(H), POST["diagonal"])
    assert_agree(H[0], POST["first_row"])
    assert_agree(np.trace(H), POST["trace"])
    assert_agree(np.linalg.eigvalsh(H)[[0, -1]], POST["extreme_eigenvalues"])
