"""What the test's provider says about people in its tokens; read by django-oauth-toolkit once Django is set up."""

from oauth2_provider.oauth2_validators import OAuth2Validator

from tests.support.desk.openid_provider import PEOPLE


class Claims(OAuth2Validator):
    """The name and the groups."""

    oidc_claim_scope = None

    def get_additional_claims(self, request):
        name = request.user.username
        return {"preferred_username": name, "groups": PEOPLE[name], "email": request.user.email}
